import { z } from 'zod';
import { API_VERSION, type PCIHostPolicy } from './manifest.ts';
import { exactlyOne, exactlyOneMeta } from './schema-locator.ts';
import { address, metadata, path } from './schema-scalars.ts';
import { type IssueParams, unsupportedField } from './schema-unsupported.ts';

const PROTECTED_MAX = 256;
const notSupported: IssueParams = { problem: 'NotSupported' };

const LOCATORS = ['address', 'path'] as const;

type ProtectedDevice = PCIHostPolicy['spec']['protectedDevices'][number];

const protectedDevice = z
  .strictObject({ address: address.exactOptional(), path: path.exactOptional() })
  .superRefine(exactlyOne(LOCATORS), { when: () => true })
  .meta(exactlyOneMeta(LOCATORS))
  .transform(device => device as ProtectedDevice)
  .describe('One device, by address or by path.');

const allow = z
  .array(z.string())
  .superRefine((names, context) => {
    if (names.length === 0) return;
    const message = 'is not supported by this version: every guard is in force; remove it';
    context.addIssue({ code: 'custom', message, params: { ...notSupported } });
  })
  .default([])
  .describe('Guards switched off by name. Not supported by this version: leave it out.');

/** A PCIHostPolicy as the user writes it; parsing fills in the defaults. */
export const hostPolicySchema: z.ZodType<PCIHostPolicy> = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).describe('Group and version of the format.'),
    kind: z.literal('PCIHostPolicy').describe('What this object is.'),
    metadata,
    spec: z
      .strictObject({
        protectedDevices: z
          .array(protectedDevice)
          .max(PROTECTED_MAX, `has more than ${PROTECTED_MAX} entries`)
          .default([])
          .describe('Devices that stay with dom0 whatever an assignment says.'),
        allow,
        maxDetachesPerPass: unsupportedField(
          'How many devices may be detached at once without being approved.',
          'there is no such limit',
        ),
        guestUnbind: unsupportedField(
          'Command that makes a guest let go of a device before it is detached.',
          'a guest is not told before a device is detached',
        ),
        hosts: unsupportedField('Hosts that the object is for.', 'every object is for the host that reads it'),
      })
      .transform(({ protectedDevices }) => ({ protectedDevices }))
      .describe('The rules.'),
  })
  .describe('Rules for the whole host; at most one.');
