import { type Trouble, troublesOf } from './attention.ts';
import { type Html, html } from './html.ts';
import type { PageDevice, PageState } from './state.ts';
import { timeText } from './time-text.ts';
import { TONES } from './tones.ts';

/** Devices named for one reason; a page with more is read at its rows. */
const NAMED_MAX = 8;

/** How the host stands, for somebody with five seconds: what is not in place comes first and leads to its story. */
export function summary({ at, devices, domains, problems }: PageState): Html {
  return html`<section aria-label="Summary" class="summary">
<p>${devices.length} ${devices.length === 1 ? 'device' : 'devices'}: ${counts(devices)} · ${domains.length} ${domains.length === 1 ? 'domain' : 'domains'} · at <time datetime="${at}">${timeText(at)}</time> UTC</p>
${troubles(devices)}
${problems.length === 0 ? undefined : html`<ul class="problems" aria-label="Problems">${problems.map(problem => html`<li>${problem}</li>`)}</ul>`}
</section>`;
}

function counts(devices: readonly PageDevice[]): Html {
  const words = (['failed', 'refused', 'waiting', 'ready', 'idle'] as const).flatMap(tone => {
    const count = devices.filter(device => device.tone === tone).length;
    const { mark, word, words: many } = TONES[tone];
    const text = html`<span aria-hidden="true">${mark}</span> ${count} ${count === 1 ? word : many}`;
    return count === 0 ? [] : [html`<strong class="${tone}">${text}</strong>`];
  });
  return html`${words.flatMap((word, index) => (index === 0 ? [word] : [' · ', word]))}`;
}

function troubles(devices: readonly PageDevice[]): Html | undefined {
  const found = troublesOf(devices);
  if (found.length === 0) return undefined;
  return html`<ul class="troubles" aria-label="To look at">${found.map(trouble)}</ul>`;
}

function trouble({ tone, reason, devices }: Trouble): Html {
  const named = devices.slice(0, NAMED_MAX);
  const more = devices.length - named.length;
  return html`<li><strong class="${tone}"><span aria-hidden="true">${TONES[tone].mark}</span> ${reason}</strong> ${named.map(({ address }) => html`<a href="#d-${address}"><code>${address}</code></a> `)}${more === 0 ? undefined : `and ${more} more`}</li>`;
}
