import type { Address } from '../../../src/api/address.ts';
import { CARDS } from '../../../src/simulator/model/world.ts';
import { type Random, seeded } from '../random.ts';
import { FOLDER } from './folder.ts';
import { DEVICES, DOMAINS, pathOf, uuidOf } from './world.ts';

/** How many contents each file can have: few enough for all of them to be parsed only once. */
const VARIANTS = 48;

export const POLICY_FILE: string = `${FOLDER}/host.yaml`;

/** The file of a domain's assignment. */
export function fileOf(domain: string): string {
  return `${FOLDER}/${domain}.yaml`;
}

/** Every file that there can be. */
export const FILES: readonly string[] = [...DOMAINS.map(fileOf), POLICY_FILE];

const texts = new Map<string, string>();

/** One of the good contents of a file. */
export function randomText(path: string, random: Random): string {
  const variant = Math.floor(random.next() * VARIANTS);
  const key = `${path} ${variant}`;
  const known = texts.get(key);
  if (known !== undefined) return known;
  const index = FILES.indexOf(path);
  const own = seeded((index + 1) * 7919 + variant * 104_729);
  const text = path === POLICY_FILE ? policyText(own) : assignmentText(index, own);
  texts.set(key, text);
  return text;
}

/** The same content, cut off or spoiled: what a reader finds while an editor writes, or after a slip of the pen. */
export function spoiled(text: string, random: Random): string {
  const kind = Math.floor(random.next() * 4);
  if (kind === 0) return '';
  if (kind === 1) return `${text}    colour: red\n`;
  if (kind === 2) return text.replace('metadata:', 'metadata');
  // Few places, so that few texts have to be parsed.
  return text.slice(0, Math.floor((text.length * (1 + Math.floor(random.next() * 7))) / 8));
}

/** A whole folder: mostly with a policy, and with assignments for most of the guests, or in a small one for one. */
export function randomFiles(random: Random, isSmall = false): Map<string, string> {
  const most = isSmall ? 0.1 : random.pick([0.5, 0.9]);
  const paths = FILES.filter((path, index) =>
    random.chance((isSmall && index === 0) || path === POLICY_FILE ? 0.7 : most),
  );
  return new Map(paths.map(path => [path, randomText(path, random)]));
}

function policyText(random: Random): string {
  const lines = ['apiVersion: xenpci.dev/v1alpha1', 'kind: PCIHostPolicy', 'metadata: {name: host}', 'spec:'];
  lines.push(`  maxDetachesPerPass: ${random.pick([0, 1, 1, 2, 2, 5])}`);
  if (random.chance(0.3)) lines.push(`  protectedDevices: [{address: ${quoted(random.pick(devices()))}}]`);
  const allow = ['MountedFilesystem', 'SharedSlot'].filter(() => random.chance(0.25));
  lines.push(`  allow: [${allow.join(', ')}]`);
  if (random.chance(0.3)) lines.push('  forceDetach: true');
  return `${lines.join('\n')}\n`;
}

/** Of each device one guest is the likeliest owner, so that conflicts are seldom; the first two may take turns. */
function assignmentText(domain: number, random: Random): string {
  const name = DOMAINS[domain] ?? DOMAINS[0];
  const lines = [
    'apiVersion: xenpci.dev/v1alpha1',
    'kind: PCIAssignment',
    `metadata: {name: ${name}}`,
    'spec:',
    `  domain: ${random.chance(0.04) ? 'nowhere' : random.chance(0.12) ? `{uuid: ${uuidOf(domain)}}` : name}`,
  ];
  if (random.chance(0.12)) lines.push('  updatePolicy: OnNextStart');
  if (random.chance(0.35)) lines.push('  whenStopped: Host');
  lines.push(`  deletionPolicy: ${random.pick(['Assignable', 'Assignable', 'Host', 'Host', 'Orphan'])}`);
  if (random.chance(0.25)) lines.push('  driftPolicy: Report');
  if (random.chance(0.06)) lines.push('  suspend: true');
  const entries = DEVICES.flatMap((address, index) => {
    // Both functions of the last card are for one guest, mostly.
    const slot = Math.min(index, 4);
    const likely = slot % DOMAINS.length === domain || (index < 2 && domain < 2);
    return random.chance(likely ? 0.55 : 0.08) ? [entryText(address, index, random)] : [];
  });
  lines.push(...(entries.length === 0 ? ['  devices: []'] : ['  devices:', ...entries]));
  return `${lines.join('\n')}\n`;
}

function entryText(address: Address, index: number, random: Random): string {
  const where = random.chance(0.15) ? `path: ${pathOf(address)}` : `address: ${quoted(address)}`;
  const fields = [`name: d${index + 1}`, where];
  if (index < 2) fields.push('sharing: FirstStarted');
  if (random.chance(0.3)) fields.push('whenMissing: Ignore');
  if (random.chance(0.15)) fields.push('permissive: true');
  if (random.chance(0.3)) fields.push('reset: BestEffort');
  if (random.chance(0.3)) {
    const { vendor, device } = random.pick([CARDS.e1000e, CARDS.nvme]);
    fields.push(`identity: {vendor: ${quoted(vendor)}, device: ${quoted(device)}}`);
  }
  return `    - {${fields.join(', ')}}`;
}

function quoted(text: string): string {
  return `"${text}"`;
}

function devices(): readonly [string, ...string[]] {
  const [first = '', ...more] = DEVICES;
  return [first, ...more];
}
