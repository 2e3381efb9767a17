import { Html, html } from './html.ts';
import { type DomainBox, type Layout, LINES, type Line, layOut } from './layout.ts';
import { SCRIPT } from './script.ts';
import type { PageState } from './state.ts';
import { STYLE } from './style.ts';
import { summary } from './summary.ts';
import { timeText } from './time-text.ts';
import { TONES } from './tones.ts';
import type { TreeRow } from './tree.ts';

/** The kinds of lines, as the legend names them. */
const LINE_WORDS: Readonly<Record<Line['kind'], string>> = {
  attached: 'attached',
  wanted: 'wanted',
  held: 'held back',
  leaving: 'is to leave',
};

/**
 * The page as one HTML document that needs nothing else: no network, no framework, and without script it only does not
 * follow what happens.
 * @param live whether a server is there to be listened to; a report is a file.
 */
export function renderPage(state: PageState, { live }: { readonly live: boolean }): string {
  const { host } = state;
  return `<!doctype html>\n${html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${host}: PCI devices</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
${header(state, live)}
<main id="live">
${renderMain(state)}
</main>
${live ? html`<script>${new Html(SCRIPT)}</script>` : undefined}
</body>
</html>
`}`;
}

/** What changes while the page is open. */
export function renderMain(state: PageState): Html {
  const layout = layOut(state);
  return html`${summary(state)}
<div class="host" style="--height:${layout.height}px">
${deviceList(layout)}
${lines(layout)}
${domainList(layout)}
</div>
${timeline(state)}
${state.devices.map(device => story(`d-${device.address}`, device.address, device.name, device.story))}
${state.domains.map(domain => story(`v-${domain.uuid}`, domain.name, domain.state, domain.story))}`;
}

function header({ host, simulated, version }: PageState, live: boolean): Html {
  const notice = simulated ? html`<p class="notice">A simulated dom0: nothing here is real.</p>` : undefined;
  return html`<header>
<h1>PCI devices of ${host}</h1>
<p class="legend">${legend()}</p>
<p class="version">${version}${live ? html` · <span id="connection" role="status">live</span>` : undefined}</p>
${notice}
</header>`;
}

function legend(): Html {
  const tones = Object.entries(TONES).map(
    ([tone, { mark, word }]) => html`<span><span class="${tone}">${mark}</span> ${word}</span> `,
  );
  // Drawn as the lines themselves are, so that they can be told by it.
  const kinds = Object.entries(LINE_WORDS).map(
    ([kind, word]) =>
      html`<span><svg class="line" aria-hidden="true" width="28" height="6"><path class="${kind}" d="M0 3H28"/></svg> ${word}</span> `,
  );
  return html`${tones}${kinds}`;
}

function deviceList({ rows }: Layout): Html {
  return html`<nav aria-label="PCI devices"><ol class="devices">
${rows.map(deviceRow)}
</ol></nav>`;
}

function deviceRow({ device, depth }: TreeRow): Html {
  const { address, name, kind, tone, place, reason } = device;
  const { mark, word } = TONES[tone];
  return html`<li style="--depth:${Math.min(depth, 8)}"><a id="a-${address}" class="${tone}" href="#d-${address}" title="${name}, ${kind}"><span aria-hidden="true">${mark}</span> <code>${address}</code> <span class="name">${name}</span> <span class="where">${place}${reason === undefined ? undefined : ` · ${reason}`}</span><span class="hidden">, ${word}</span></a></li>
`;
}

function domainList({ boxes }: Layout): Html {
  return html`<nav aria-label="Domains" class="domains"><ol>
${boxes.map(domainBox)}
</ol></nav>`;
}

function domainBox({ domain, top }: DomainBox): Html {
  const { uuid, name, state, tone, assignments, reason } = domain;
  const { mark, word } = TONES[tone];
  const named = `${assignments.length > 1 ? 'assignments' : 'assignment'} ${assignments.join(', ')}`;
  const words = [state, assignments.length === 0 ? 'no assignment' : named, ...(reason === undefined ? [] : [reason])];
  return html`<li style="--top:${Math.round(top)}px"><a id="a-${uuid}" class="${tone}" href="#v-${uuid}"><span aria-hidden="true">${mark}</span> <strong>${name}</strong> <span class="where">${words.join(' · ')}</span><span class="hidden">, ${word}</span></a></li>
`;
}

/** Lines only repeat what the rows say, so they are not read aloud. */
function lines({ lines: all, height }: Layout): Html {
  return html`<svg class="lines" aria-hidden="true" width="${LINES}" height="${height}" viewBox="0 0 ${LINES} ${height}">
${all.map(line => html`<path class="${line.kind} ${line.tone}" d="${pathOf(line)}"/>`)}
</svg>`;
}

function pathOf({ from, to }: Line): string {
  const middle = LINES / 2;
  return `M0 ${from} C${middle} ${from} ${middle} ${to} ${LINES} ${to}`;
}

/** A report has no events where nobody has kept any. */
function timeline({ events }: PageState): Html | undefined {
  if (events.length === 0) return undefined;
  const rows = events.map(
    ({ time, tone, reason, regarding, note }) =>
      html`<li class="${tone}"><time datetime="${time}">${timeText(time)}</time> <span aria-hidden="true">${TONES[tone].mark}</span> <strong>${reason}</strong> <code>${regarding}</code> ${note}</li>
`,
  );
  return html`<section aria-labelledby="events" class="events">
<h2 id="events">What happened</h2>
<ol>${rows}</ol>
</section>`;
}

function story(id: string, title: string, subtitle: string, text: string): Html {
  return html`<section class="story" id="${id}" tabindex="-1" aria-label="${title}">
<p class="close"><a href="#live">close</a></p>
<h2>${title}</h2>
<p>${subtitle}</p>
<pre>${text}</pre>
</section>
`;
}
