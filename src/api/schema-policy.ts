import * as z from 'zod';
import { FIXED_GUARDS, type FixedGuard, isSwitchable, SWITCHABLE_GUARDS, type SwitchableGuard } from './guards.ts';
import { API_VERSION, MAX_DETACHES_DEFAULT, type PCIHostPolicy } from './manifest.ts';
import { once } from './once.ts';
import { guestUnbind } from './schema-guest-unbind.ts';
import { exactlyOne, exactlyOneMeta } from './schema-locator.ts';
import { address, hosts, metadata, path, shown } from './schema-scalars.ts';
import { closest } from './spelling.ts';

const PROTECTED_MAX = 256;
const DETACHES_MAX = 1024;

const LOCATORS = ['address', 'path'] as const;

type ProtectedDevice = PCIHostPolicy['spec']['protectedDevices'][number];

const protectedDevice = once(() =>
  z
    .strictObject({ address: address.exactOptional(), path: path.exactOptional() })
    .superRefine(exactlyOne(LOCATORS), { when: () => true })
    .meta(exactlyOneMeta(LOCATORS))
    .transform(device => device as ProtectedDevice)
    .describe('One device, by address or by path.'),
);

const guardName = once(() =>
  z
    .string()
    .meta({ enum: [...SWITCHABLE_GUARDS] })
    .transform((name, context): SwitchableGuard => {
      if (isSwitchable(name)) return name;
      context.issues.push({ code: 'custom', message: notSwitchable(name), input: name });
      return z.NEVER;
    }),
);

function notSwitchable(name: string): string {
  if (Object.hasOwn(FIXED_GUARDS, name)) {
    return `${name} cannot be switched off: ${FIXED_GUARDS[name as FixedGuard]}`;
  }
  const meant = closest(name, [...SWITCHABLE_GUARDS, ...Object.keys(FIXED_GUARDS)]);
  const advice = meant === undefined ? `write one of ${SWITCHABLE_GUARDS.join(', ')}` : `did you mean ${meant}?`;
  return `${shown(name)} is not a guard; ${advice}`;
}

const allow = once(() =>
  z
    .array(guardName())
    .max(SWITCHABLE_GUARDS.length, `has more than the ${SWITCHABLE_GUARDS.length} guards that there are`)
    .default([])
    .describe('Guards that are switched off for the whole host, by name.'),
);

/** A PCIHostPolicy as the user writes it; parsing fills in the defaults. */
export const hostPolicySchema: () => z.ZodType<PCIHostPolicy> = once(() =>
  z
    .strictObject({
      apiVersion: z.literal(API_VERSION).describe('Group and version of the format.'),
      kind: z.literal('PCIHostPolicy').describe('What this object is.'),
      metadata,
      spec: z
        .strictObject({
          protectedDevices: z
            .array(protectedDevice())
            .max(PROTECTED_MAX, `has more than ${PROTECTED_MAX} entries`)
            .default([])
            .describe('Devices that stay with dom0 whatever an assignment says.'),
          allow: allow(),
          maxDetachesPerPass: z
            .int()
            .min(0, `must be from 0 to ${DETACHES_MAX}`)
            .max(DETACHES_MAX, `must be from 0 to ${DETACHES_MAX}`)
            .default(MAX_DETACHES_DEFAULT)
            .describe(
              'How many devices may leave running guests at once; more wait for xenpci approve. 0: every one waits.',
            ),
          guestUnbind: guestUnbind().exactOptional(),
          forceDetach: z
            .boolean()
            .default(false)
            .describe('true: a device that an HVM guest has refused to let go of three times is torn from it.'),
          hosts: hosts.exactOptional(),
        })
        .describe('The rules.'),
    })
    .describe('Rules for the whole host; at most one for each host.'),
);
