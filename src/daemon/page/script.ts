/**
 * What the page does in the browser: follows what happens, keeps the opened story open and the focus where it is, and says
 * when it has lost the server. It puts no text into the page but what `renderMain` has made.
 */
export const SCRIPT = `'use strict';
const live = document.getElementById('live');
const connection = document.getElementById('connection');
let opened;
function open() {
  if (opened) opened.classList.remove('open');
  const id = decodeURIComponent(location.hash.slice(1));
  opened = id === 'live' ? null : document.getElementById(id);
  if (opened && !opened.classList.contains('story')) opened = null;
  if (opened) opened.classList.add('open');
}
let shown, waiting, pressed = false;
function show() {
  // A click that began on what was there before would be lost.
  if (pressed || waiting === undefined || waiting === shown) return;
  shown = waiting;
  const focus = document.activeElement && document.activeElement.id;
  live.innerHTML = shown;
  opened = null;
  open();
  const before = focus && document.getElementById(focus);
  if (before) before.focus({ preventScroll: true });
}
function press(down) {
  pressed = down;
  if (!down) setTimeout(show);
}
let loading = false, again = false;
async function load() {
  if (loading) { again = true; return; }
  loading = true;
  try {
    const answer = await fetch('main', { cache: 'no-store' });
    if (!answer.ok) throw new Error(String(answer.status));
    waiting = await answer.text();
    show();
    connection.textContent = 'live';
  } catch (error) {
    connection.textContent = 'no answer: what is shown may be old';
  }
  loading = false;
  if (again) { again = false; load(); }
}
addEventListener('hashchange', open);
addEventListener('pointerdown', () => press(true), true);
for (const end of ['pointerup', 'pointercancel', 'blur']) addEventListener(end, () => press(false), true);
addEventListener('keydown', event => { if (event.key === 'Escape' && opened) location.hash = 'live'; });
open();
const source = new EventSource('changes');
source.onopen = load;
source.addEventListener('changed', load);
source.onerror = () => { connection.textContent = 'no connection: what is shown may be old'; };
`;
