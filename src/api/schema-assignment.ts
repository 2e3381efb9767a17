import * as z from 'zod';
import type { Identity } from './identity.ts';
import { API_VERSION, type DeviceEntry, type PCIAssignment } from './manifest.ts';
import type { IssueParams } from './schema-issue.ts';
import { exactlyOne, exactlyOneMeta } from './schema-locator.ts';
import { address, domain, entryName, hexDigits, hosts, metadata, path, shown } from './schema-scalars.ts';

/** How many entries one assignment may have; a host with more PCI functions for one guest is not known. */
export const DEVICES_MAX = 256;

const identityFields = {
  vendor: hexDigits('Vendor').exactOptional(),
  device: hexDigits('Device').exactOptional(),
  subsystemVendor: hexDigits('Vendor of the subsystem').exactOptional(),
  subsystemDevice: hexDigits('Device number of the subsystem').exactOptional(),
  class: hexDigits('Base class and subclass, such as "0200" for an Ethernet controller').exactOptional(),
};

/** Some of a card's numbers, at least one. */
function someIdentity(description: string): z.ZodType<Partial<Identity>> {
  return z
    .strictObject(identityFields)
    .refine(fields => Object.keys(fields).length > 0, {
      error: `names nothing; give at least one of ${Object.keys(identityFields).join(', ')}`,
    })
    .meta({ minProperties: 1 })
    .describe(description);
}

const LOCATORS = ['address', 'path', 'selector'] as const;

const deviceEntry: z.ZodType<DeviceEntry> = z
  .strictObject({
    name: entryName,
    address: address.exactOptional(),
    path: path.exactOptional(),
    selector: someIdentity('All devices with these numbers that no other entry names.').exactOptional(),
    identity: someIdentity(
      'What the device at the address or path must be; another card in its place is not touched.',
    ).exactOptional(),
    permissive: z
      .boolean()
      .default(false)
      .describe('Whether the guest may write all of the configuration space; some cards need it, and it is less safe.'),
    reset: z
      .enum(['Strict', 'BestEffort'])
      .default('Strict')
      .describe('Strict: only a device that can be reset is handed over. BestEffort: also one that cannot.'),
    whenMissing: z
      .enum(['Fail', 'Ignore'])
      .default('Fail')
      .describe('Fail: the domain may not start without the device. Ignore: it may.'),
    sharing: z
      .enum(['Exclusive', 'FirstStarted'])
      .default('Exclusive')
      .describe(
        'Exclusive: no other entry may name the device. FirstStarted: others that say so may, and the domain started first has it.',
      ),
  })
  .superRefine(exactlyOne(LOCATORS), { when: () => true })
  .superRefine(identityBesideSelector, { when: () => true })
  .meta(exactlyOneMeta(LOCATORS))
  .describe('One device, or with a selector several.');

/** A selector says itself what the devices are. Runs beside other errors too, so the entry may be of any type. */
function identityBesideSelector(entry: unknown, context: z.RefinementCtx): void {
  if (typeof entry !== 'object' || entry === null) return;
  if (!('selector' in entry && 'identity' in entry)) return;
  const message = 'goes with address or path; a selector says itself what the devices are';
  context.addIssue({ code: 'custom', message, path: ['identity'] });
}

const devices: z.ZodType<readonly DeviceEntry[]> = z
  .array(deviceEntry)
  .max(DEVICES_MAX, `has more than ${DEVICES_MAX} entries`)
  .superRefine(uniqueNames, { when: () => true })
  .describe('The devices that belong to the domain.');

const DUPLICATE: IssueParams = { problem: 'DuplicateName' };

/** Reports every entry whose name an earlier one has. Runs beside other errors too, so entries may be of any type. */
function uniqueNames(entries: unknown, context: z.RefinementCtx): void {
  if (!Array.isArray(entries) || entries.length > DEVICES_MAX) return;
  const first = new Map<string, number>();
  for (const [index, entry] of entries.entries()) {
    const name: unknown = entry?.name;
    if (typeof name !== 'string') continue;
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, index);
    else {
      const message = `${shown(name)} is the name of devices[${earlier}] already; give each entry a name of its own`;
      context.addIssue({ code: 'custom', message, path: [index, 'name'], params: { ...DUPLICATE } });
    }
  }
}

/** A PCIAssignment as the user writes it; parsing fills in the defaults. */
export const assignmentSchema: z.ZodType<PCIAssignment> = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).describe('Group and version of the format.'),
    kind: z.literal('PCIAssignment').describe('What this object is.'),
    metadata,
    spec: z
      .strictObject({
        domain,
        devices,
        updatePolicy: z
          .enum(['Live', 'OnNextStart'])
          .default('Live')
          .describe('Live: a running domain is changed. OnNextStart: it is left as it is until it starts again.'),
        whenStopped: z
          .enum(['Assignable', 'Host'])
          .default('Assignable')
          .describe('Where the devices are while the domain is not running: kept for it, or with their dom0 driver.'),
        deletionPolicy: z
          .enum(['Assignable', 'Host', 'Orphan'])
          .default('Assignable')
          .describe(
            'What becomes of a device when its entry goes: kept off dom0, given back to dom0, or left where it is.',
          ),
        driftPolicy: z
          .enum(['Correct', 'Report'])
          .default('Correct')
          .describe(
            'Correct: what others changed is changed back. Report: it is only shown, until the manifest changes.',
          ),
        suspend: z.boolean().default(false).describe('true: look and report, and take no step for this assignment.'),
        hosts: hosts.exactOptional(),
      })
      .describe('What is wanted.'),
  })
  .describe('Which PCI devices belong to one domain.');
