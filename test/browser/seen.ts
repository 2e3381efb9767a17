/** What a person sees of a page, as expressions that are evaluated in it. */

/** The summary; rows and boxes with place, colour and text; lines with place and colour; what happened, without its times. */
export const SEEN = `(() => {
  const host = document.querySelector('.host').getBoundingClientRect().top;
  const at = element => Math.round(element.getBoundingClientRect().top - host);
  const colour = element => getComputedStyle(element).color;
  const text = element => element.innerText.replace(/\\s+/g, ' ');
  const summary = [...document.querySelectorAll('.summary > p, .troubles li')].map(text);
  const problems = [...document.querySelectorAll('.problems li')].map(element => element.innerText);
  const rows = [...document.querySelectorAll('.devices a, .domains a')].map(element =>
    [at(element), colour(element), text(element)].join(' '));
  const lines = [...document.querySelectorAll('.lines path')].map(path =>
    [path.getAttribute('d'), getComputedStyle(path).stroke, getComputedStyle(path).strokeDasharray].join(' '));
  return [...summary, ...problems, ...rows, ...lines].map(line => line.replace(/\\d\\d:\\d\\d:\\d\\d UTC/, 'HH:MM:SS UTC'));
})()`;

/**
 * What makes a page hard to read, one line each: texts that lie on each other or leave the window, text that is small or
 * pale (less than 4.5 to 1, WCAG 2.2 AA), a caret that stands in letters of different widths.
 */
export const FLAWS = `(() => {
  const flaws = [];
  const name = element => element.innerText.replace(/\\s+/g, ' ').slice(0, 60);
  const box = element => element.getBoundingClientRect();
  const apart = elements => {
    const shown = elements.filter(element => box(element).height > 0);
    for (const [index, one] of shown.entries()) for (const other of shown.slice(index + 1)) {
      const [a, b] = [box(one), box(other)];
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) {
        flaws.push('overlap: ' + name(one) + ' / ' + name(other));
      }
    }
  };
  apart([...document.querySelectorAll('header > *')]);
  apart([...document.querySelectorAll('header, .summary, .host, .events')]);
  apart([...document.querySelectorAll('.devices a, .lines, .domains a')]);
  for (const row of document.querySelectorAll('.devices a')) apart([...row.children].filter(part => part.className !== 'hidden'));
  if (document.documentElement.scrollWidth > innerWidth) flaws.push('wider than the window');
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backOf = element => {
    const back = getComputedStyle(element).backgroundColor;
    return back === 'rgba(0, 0, 0, 0)' ? backOf(element.parentElement) : back;
  };
  const seen = new Set();
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim() !== '');
    if (!own || box(element).height === 0 || ['SCRIPT', 'STYLE'].includes(element.tagName)) continue;
    const { color, fontSize } = getComputedStyle(element);
    const look = [color, backOf(element), fontSize].join();
    if (seen.has(look)) continue;
    seen.add(look);
    const [low, high] = [light(color), light(backOf(element))].sort((a, b) => a - b);
    if ((high + 0.05) / (low + 0.05) < 4.5) flaws.push('pale: ' + color + ' on ' + backOf(element) + ': ' + name(element));
    if (parseFloat(fontSize) < 12) flaws.push('small: ' + fontSize + ': ' + name(element));
  }
  for (const problem of document.querySelectorAll('.problems li')) {
    if (!getComputedStyle(problem).fontFamily.includes('monospace')) flaws.push('caret in uneven letters: ' + name(problem));
  }
  return flaws;
})()`;
