import { z } from 'zod';
import { API_VERSION, MAX_DETACHES_DEFAULT, type PCIHostPolicy } from './manifest.ts';
import { guestUnbind } from './schema-guest-unbind.ts';
import { exactlyOne, exactlyOneMeta } from './schema-locator.ts';
import { address, metadata, path } from './schema-scalars.ts';
import { type IssueParams, unsupportedField } from './schema-unsupported.ts';

const PROTECTED_MAX = 256;
const DETACHES_MAX = 1024;
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
        maxDetachesPerPass: z
          .int()
          .min(0, `must be from 0 to ${DETACHES_MAX}`)
          .max(DETACHES_MAX, `must be from 0 to ${DETACHES_MAX}`)
          .default(MAX_DETACHES_DEFAULT)
          .describe(
            'How many devices may leave running guests at once; more wait for xenpci approve. 0: every one waits.',
          ),
        guestUnbind: guestUnbind.exactOptional(),
        forceDetach: z
          .boolean()
          .default(false)
          .describe('true: a device that an HVM guest has refused to let go of three times is torn from it.'),
        hosts: unsupportedField('Hosts that the object is for.', 'every object is for the host that reads it'),
      })
      .transform(({ allow: _, hosts: __, ...spec }) => spec)
      .describe('The rules.'),
  })
  .describe('Rules for the whole host; at most one.');
