import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { html } from '../../../src/daemon/page/html.ts';
import { BOX, layOut, ROW } from '../../../src/daemon/page/layout.ts';
import { renderMain, renderPage } from '../../../src/daemon/page/render.ts';
import type { PageDevice, PageDomain, PageState } from '../../../src/daemon/page/state.ts';
import { treeRows } from '../../../src/daemon/page/tree.ts';

const HOSTILE = `<script>alert(1)</script>"'&\u202e\u0007`;

function device(address: string, more: Partial<PageDevice> = {}): PageDevice {
  return {
    address,
    name: 'Card',
    kind: 'Ethernet controller',
    tone: 'idle',
    place: 'host',
    claimants: [],
    story: '',
    ...more,
  };
}

function domain(name: string, more: Partial<PageDomain> = {}): PageDomain {
  return { uuid: `uuid-${name}`, name, state: 'running', tone: 'ready', assignments: [], story: '', ...more };
}

function state(more: Partial<PageState> = {}): PageState {
  const at = '2026-11-24T10:00:00.000Z';
  return {
    host: 'dom0',
    at,
    simulated: false,
    version: '1',
    devices: [],
    domains: [],
    events: [],
    problems: [],
    ...more,
  };
}

describe('a text in HTML', () => {
  test('is text, in an attribute too', () => {
    const { text } = html`<a title="${HOSTILE}">${HOSTILE}</a>`;
    const shown = '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\ufffd\ufffd';
    expect(text).toBe(`<a title="${shown}">${shown}</a>`);
  });

  test('never holds what ends a text or an attribute, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(html`${text}`.text).not.toMatch(/[<>"']|[^\P{C}\n\t]/u);
      }),
    );
  });
});

describe('the tree', () => {
  const rows = (...devices: PageDevice[]) => treeRows(devices).map(row => `${row.depth} ${row.device.address}`);

  test('has each device below its bridge', () => {
    expect(
      rows(device('a'), device('b', { parent: 'a' }), device('c'), device('d', { parent: 'b' }), device('e')),
    ).toEqual(['0 a', '1 b', '2 d', '0 c', '0 e']);
  });

  test('has each device once, also of a bridge that is not there, and of a circle', () => {
    expect(rows(device('a', { parent: 'gone' }), device('b', { parent: 'a' }))).toEqual(['0 a', '1 b']);
    const parents = fc.array(fc.option(fc.nat(9), { nil: undefined }), { maxLength: 10 });
    fc.assert(
      fc.property(parents, list => {
        const devices = list.map((parent, index) =>
          device(`${index}`, parent === undefined ? {} : { parent: `${parent}` }),
        );
        const shown = treeRows(devices).map(row => row.device.address);
        expect([...shown].sort()).toEqual(devices.map(({ address }) => address).sort());
      }),
    );
  });
});

describe('the layout', () => {
  test('has domains near their devices, none over another, and a line for each that has or is to have one', () => {
    const [red, blue, off] = [domain('red'), domain('blue'), domain('off')];
    const devices = Array.from({ length: 20 }, (_, index) => device(`${index}`));
    devices[15] = device('15', { holder: blue.uuid, claimants: [blue.uuid], tone: 'ready' });
    devices[17] = device('17', { claimants: [red.uuid, blue.uuid], tone: 'refused' });
    devices[16] = device('16', { holder: blue.uuid, claimants: [red.uuid], tone: 'waiting' });
    devices[3] = device('3', { holder: red.uuid });
    const { boxes, lines, height } = layOut({ devices, domains: [off, blue, red] });
    expect(boxes.map(box => box.domain.name)).toEqual(['red', 'blue', 'off']);
    for (const [index, box] of boxes.slice(1).entries()) {
      expect(box.top).toBeGreaterThanOrEqual((boxes[index]?.top ?? 0) + BOX);
    }
    expect(lines.map(({ kind, from }) => `${kind} ${Math.floor(from / ROW)}`)).toEqual([
      'attached 3',
      'attached 15',
      'leaving 16',
      'wanted 16',
      'held 17',
      'held 17',
    ]);
    expect(height).toBeGreaterThanOrEqual(20 * ROW);
  });
});

describe('the page', () => {
  const hostile = state({
    host: HOSTILE,
    version: HOSTILE,
    devices: [device(HOSTILE, { name: HOSTILE, kind: HOSTILE, place: HOSTILE, reason: HOSTILE })],
    domains: [domain(HOSTILE, { state: HOSTILE, assignments: [HOSTILE], story: HOSTILE })],
    events: [{ time: HOSTILE, tone: 'failed', reason: HOSTILE, regarding: HOSTILE, note: HOSTILE }],
    problems: [HOSTILE],
  });

  test('shows hostile names as text, and has no script but its own', () => {
    expect(renderPage(hostile, { live: false })).not.toMatch(/<script/);
    const page = renderPage(hostile, { live: true });
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toContain('alert(1)</script>');
    expect(page).not.toContain('\u202e');
  });

  test('names first what is to be looked at: the worst first, orphans last, and how many more there are', () => {
    const waiting = Array.from({ length: 10 }, (_, bus) =>
      device(`0000:1${bus}:00.0`, { tone: 'waiting', reason: 'NeedsRestart' }),
    );
    const devices = [
      device('0000:01:00.0', { tone: 'ready' }),
      device('0000:02:00.0', { reason: 'Orphan' }),
      ...waiting,
      device('0000:03:00.0', { tone: 'refused', reason: 'Conflict' }),
      device('0000:04:00.0', { tone: 'failed', reason: 'StepFailed' }),
    ];
    const [, list = ''] = /class="troubles"[^>]*>(.*?)<\/ul>/s.exec(renderMain(state({ devices })).text) ?? [];
    const said = list.split('</li>').map(item =>
      item
        .replaceAll(/<[^>]*>/g, '')
        .replaceAll(/ +/g, ' ')
        .trim(),
    );
    const named = waiting.slice(0, 8).map(({ address }) => address);
    expect(said).toEqual([
      '✕ StepFailed 0000:04:00.0',
      '⊘ Conflict 0000:03:00.0',
      `◐ NeedsRestart ${named.join(' ')} and 2 more`,
      '○ Orphan 0000:02:00.0',
      '',
    ]);
  });

  test('says in words what lines and colours say', () => {
    const devices = [
      device('0000:03:00.0', { tone: 'waiting', place: 'assignable', reason: 'NeedsRestart', claimants: ['uuid-red'] }),
    ];
    const { text } = renderMain(state({ devices, domains: [domain('red', { assignments: ['net'] })] }));
    const said = text.replaceAll(/<[^>]*>/g, '').replaceAll(/\s+/g, ' ');
    expect(said).toContain('1 device: ◐ 1 waits · 1 domain');
    expect(said).toContain('0000:03:00.0 Card assignable · NeedsRestart, waits');
    expect(said).toContain('red running · assignment net, in place');
  });
});
