import { parseManifestFile } from '../../src/source/manifest-file.ts';
import type { Guest } from './world.ts';

/** What a manifest says now, apart from what never changes. */
export interface Wish {
  /** How often it was edited; stands in a label. */
  readonly edit: number;
  readonly deletionPolicy: 'Assignable' | 'Host';
  /** How many of its guest's devices it names. */
  readonly devices: 1 | 2;
}

export const FIRST_WISH: Wish = { edit: 0, deletionPolicy: 'Assignable', devices: 2 };

/** Of so many edits one makes a device move, and one changes what is remembered of the devices. */
const MOVE_EVERY = 25;
const POLICY_EVERY = 7;

/** What the edit with this number changes: mostly words, sometimes the record, sometimes the place of a device. */
export function edited(before: Wish, number: number): Wish {
  const edit = before.edit + 1;
  if (number % MOVE_EVERY === 0) return { ...before, edit, devices: before.devices === 2 ? 1 : 2 };
  if (number % POLICY_EVERY !== 0) return { ...before, edit };
  return { ...before, edit, deletionPolicy: before.deletionPolicy === 'Host' ? 'Assignable' : 'Host' };
}

/** The text of a guest's manifest. */
export function manifestText({ name, devices }: Guest, { edit, deletionPolicy, devices: count }: Wish): string {
  const entries = devices.slice(0, count).map((address, index) => `    - {name: d${index}, address: "${address}"}`);
  return `apiVersion: xenpci.dev/v1alpha1
kind: PCIAssignment
metadata: {name: ${name}, labels: {edit: "${edit}"}}
spec:
  domain: ${name}
  deletionPolicy: ${deletionPolicy}
  devices:
${entries.join('\n')}
`;
}

/** The policy of the loaded host: what is edited is meant. */
export const POLICY_TEXT = `apiVersion: xenpci.dev/v1alpha1
kind: PCIHostPolicy
metadata: {name: host}
spec: {maxDetachesPerPass: 64}
`;

/** The hash by which a status names the content of a manifest. @throws when the text is not valid. */
export function hashOf(text: string): string {
  const { assignments, problems } = parseManifestFile('manifest.yaml', Buffer.from(text));
  const [found] = assignments;
  if (found === undefined || problems.length > 0) throw new Error(`not a valid manifest: ${problems[0]?.message}`);
  return found.sourced.hash;
}
