import { createHash } from 'node:crypto';
import { linkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAddress } from '../../../src/api/address.ts';
import type { Dom0Layout } from '../../../src/api/layout.ts';
import { encodeLook } from '../../../src/daemon/api/look-text.ts';
import { LookTextError } from '../../../src/daemon/api/look-text-error.ts';
import { decodeLook } from '../../../src/daemon/api/served-look.ts';
import { ApprovalFile } from '../../../src/daemon/approval-file.ts';
import { readEvents } from '../../../src/daemon/events/event-file.ts';
import { decodeEvent, encodeEvent } from '../../../src/daemon/events/event-line.ts';
import { decodeGiven, encodeGiven, GivenFile } from '../../../src/daemon/given-file.ts';
import { InventoryFile } from '../../../src/daemon/inventory-file.ts';
import { decodeInventory, encodeInventory } from '../../../src/daemon/inventory-record.ts';
import { LastGoodFile } from '../../../src/daemon/last-good-file.ts';
import { LookRequest } from '../../../src/daemon/look-request.ts';
import { readLiveStatus } from '../../../src/daemon/status-file.ts';
import { SuspensionFile } from '../../../src/daemon/suspension-file.ts';
import { decodeTrial, encodeTrial } from '../../../src/daemon/trial/trial.ts';
import { TrialFile } from '../../../src/daemon/trial/trial-file.ts';
import { isHookInForce } from '../../../src/host/start/hook-mark.ts';
import { readStartMarks } from '../../../src/host/start/start-marks.ts';
import { held } from '../../world.ts';
import { sampleLook } from '../look.ts';
import { promise, same, type Target, texts, unlessRefused, unlessRejected, type Verdict } from '../target.ts';
import { emptyDom0 } from '../temp.ts';

const VERSION = '0.1.0';
const NOW = 1_790_000_000_000;

const INVENTORY = encodeInventory(
  new Map(
    [
      held('0000:01:00.0', { hostDriver: { name: 'e1000e', bootId: 'b' } }),
      held('0000:02:00.0', { inPlace: { place: { at: 'guest', domid: 7 }, generation: 'g', bootId: 'b' } }),
    ].map(each => [each.address, each]),
  ),
);
const SUSPENSIONS = JSON.stringify({
  version: 1,
  suspended: [{ assignment: 'red', since: NOW, by: 'root', reason: 'work' }],
  resumed: [{ assignment: 'blue', at: NOW, by: 'root' }],
});
const LAST_GOOD = JSON.stringify({ version: 1, files: { '/m/a.yaml': '# nothing\n' } });
const APPROVALS = JSON.stringify({
  version: 1,
  approvals: [{ device: '0000:01:00.0', uuid: 'u', domid: 7, until: NOW }],
});
const EVENTS = [1, 2]
  .map(id =>
    encodeEvent({
      id,
      time: '2026-11-26T12:00:00.000Z',
      action: 'Attach',
      reason: 'StepFailed',
      type: 'Warning',
      regarding: { kind: 'PCIDevice', name: '0000:01:00.0' },
      related: [{ kind: 'Domain', name: 'red' }],
      note: 'xl said no',
      askedBy: [{ assignment: 'red', entry: 'lan', file: '/m/a.yaml', line: 3, hash: 'h' }],
      count: id,
      since: '2026-11-26T12:00:00.000Z',
      first: 1,
    }),
  )
  .join('');
const TRIAL = encodeTrial({
  id: 'i',
  folder: '/m',
  path: '/m/a.yaml',
  text: '# nothing\n',
  by: 'root',
  until: NOW,
  bootId: 'b',
  begunUptimeMs: 1,
  timeoutMs: 60_000,
});
const MARK = JSON.stringify({
  version: 1,
  name: 'red',
  uuid: 'u',
  devices: ['0000:01:00.0'],
  hook: { pid: 1, startTicks: '1' },
  until: NOW + 1_000,
  libvirtd: { pid: 1, startTicks: '1' },
  script: { path: '/x', ctimeMs: 1 },
});
const GIVEN = JSON.stringify({
  version: 1,
  given: [
    { address: '0000:01:00.0', domid: 7, bootId: 'b', insertion: '3426' },
    { address: '0000:02:00.0', domid: 8, bootId: 'b' },
  ],
});
const LOOK = encodeLook(sampleLook(), { manifests: '/m', controller: 1, version: VERSION });

/** Whatever stands in files below /var/lib/xenpci and /run/xenpci: after a crash, a full disk, a person's edit. */
export const stateFiles: Target = {
  name: 'state-files',
  about: "xenpci's own files: read, or refused with the file's name; what is read is written as it was read",
  seeds: texts(INVENTORY, SUSPENSIONS, LAST_GOOD, APPROVALS, EVENTS, TRIAL, MARK, GIVEN, LOOK),
  dictionary: [
    ...[
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\u0000',
      '\\ud800',
      '\n',
      'null',
      'true',
      '1e999',
      '-1',
      '0.5',
      '9007199254740993',
    ],
    ...[
      '"version":1',
      '"version":2',
      '"__proto__":{}',
      '"constructor":',
      '"toString"',
      '"devices":',
      '"address":',
      '"domid":',
    ],
    ...['"suspended":', '"files":', '"until":', '"count":', '"place":', '"at":"host"', '"guest"', '\ufeff', '\0'],
  ],
  heavy: function* () {
    yield Buffer.from('['.repeat(200_000));
    yield Buffer.from(
      `{"version":1,"files":{${Array.from({ length: 10_000 }, (_, index) => `"${index}":""`).join(',')}}}`,
    );
    yield Buffer.from(EVENTS.repeat(500));
    yield Buffer.from('\n'.repeat(1_000_000));
  },
  quick: 200,
  full: 200_000,
  async open() {
    const { layout, remove } = emptyDom0();
    const path = join(layout.root, 'content');
    writeFileSync(path, '');
    const state = ['inventory', 'suspensions', 'last-good', 'approvals', 'trial'].map(name => `${name}.json`);
    for (const name of [...state, 'events.jsonl']) linkSync(path, join(layout.state, name));
    for (const name of ['status.json', 'look.json', 'given.json', 'hook.json', 'starts/red.json'])
      linkSync(path, join(layout.runtime, name));
    return {
      async run(input): Promise<Verdict> {
        writeFileSync(path, input);
        const text = input.toString('utf8');
        const taken = [
          await inventoryIsSound(layout),
          resealed(text),
          await suspensionsAreSound(layout),
          await lastGoodIsSound(layout),
          await approvalsAreSound(layout),
          await eventsAreSound(layout),
          await trialIsSound(layout),
          await marksAreSound(layout),
          await givenIsSound(layout),
          lookIsSound(text),
        ];
        return taken.includes(true) ? 'accepted' : 'refused';
      },
      close: remove,
    };
  },
};

/** An error that names the file, so that a person can mend it. */
function naming(path: string): (error: unknown) => boolean {
  return error => error instanceof Error && error.message.includes(path);
}

async function inventoryIsSound(layout: Dom0Layout): Promise<boolean> {
  const file = new InventoryFile(layout);
  const taken = await unlessRejected(naming(file.path), () => file.load());
  if (taken === undefined) return false;
  same(decodeInventory(encodeInventory(taken)), taken, 'the record is another one when it is written');
  return true;
}

/** The same with a checksum that fits: it is there for accidents, and what is inside must be checked all the same. */
function resealed(text: string): boolean {
  const value = unlessRefused([SyntaxError], () => JSON.parse(text) as unknown);
  if (typeof value !== 'object' || value === null || !('devices' in value) || !Array.isArray(value.devices))
    return false;
  const hash = createHash('sha256').update(JSON.stringify(value.devices)).digest('hex');
  const sealed = JSON.stringify({ ...value, checksum: `sha256:${hash}` });
  const taken = unlessRefused([Error], () => decodeInventory(sealed));
  if (taken === undefined) return false;
  for (const [address, device] of taken) {
    promise(parseAddress(address) === address && device.address === address, `${address} is no address`);
  }
  same(decodeInventory(encodeInventory(taken)), taken, 'the record is another one when it is written');
  return true;
}

async function suspensionsAreSound(layout: Dom0Layout): Promise<boolean> {
  const loaded = await new SuspensionFile(layout).load();
  if ('unusable' in loaded) return false;
  for (const { since } of loaded.suspended) new Date(since).toISOString();
  for (const { at } of loaded.resumed) new Date(at).toISOString();
  return true;
}

async function lastGoodIsSound(layout: Dom0Layout): Promise<boolean> {
  const file = new LastGoodFile(layout);
  const taken = await unlessRejected(naming(file.path), () => file.load());
  if (taken === undefined) return false;
  const other = new LastGoodFile({ ...layout, state: join(layout.root, 'other') });
  await other.save(taken);
  same(await other.load(), taken, 'the last good texts are others when they are written');
  return true;
}

async function approvalsAreSound(layout: Dom0Layout): Promise<boolean> {
  const file = new ApprovalFile(layout);
  const taken = await unlessRejected(naming(file.path), () => file.load());
  for (const { device } of taken ?? []) promise(parseAddress(device) === device, `${device} is no address`);
  return taken !== undefined;
}

async function eventsAreSound(layout: Dom0Layout): Promise<boolean> {
  const { events } = await readEvents(layout);
  for (const event of events) {
    same(decodeEvent(encodeEvent(event).trimEnd()), event, 'an event is another one when it is written');
    promise(!Number.isNaN(Date.parse(event.time)), `${event.time} is no time`);
  }
  return events.length > 0;
}

async function trialIsSound(layout: Dom0Layout): Promise<boolean> {
  const file = new TrialFile(layout);
  const taken = await unlessRejected(naming(file.path), () => file.load());
  if (taken === undefined) return false;
  same(decodeTrial(encodeTrial(taken)), taken, 'a trial is another one when it is written');
  new Date(taken.until).toISOString();
  return true;
}

/** What only helps is none when it cannot be read. */
async function marksAreSound(layout: Dom0Layout): Promise<boolean> {
  await unlessRejected(naming(layout.runtime), () => isHookInForce(layout));
  await readLiveStatus(layout);
  const request = await new LookRequest(layout).last();
  const marks = (await unlessRejected(naming(layout.runtime), () => readStartMarks(layout, NOW))) ?? [];
  for (const { devices } of marks)
    for (const each of devices) promise(parseAddress(each) === each, `${each} is no address`);
  return marks.length > 0 || request !== undefined;
}

async function givenIsSound(layout: Dom0Layout): Promise<boolean> {
  const file = new GivenFile(layout);
  const taken = await unlessRejected(naming(file.path), () => file.load());
  for (const [address, card] of taken ?? []) {
    promise(parseAddress(address) === address && card.address === address, `${address} is no address`);
  }
  if (taken === undefined || taken.size === 0) return false;
  same(decodeGiven(encodeGiven(taken)), taken, 'what guests were given is something else when it is written');
  return true;
}

function lookIsSound(text: string): boolean {
  return unlessRefused([LookTextError], () => decodeLook(text, VERSION)) !== undefined;
}
