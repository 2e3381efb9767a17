import * as z from 'zod';
import { type Address, parseAddress } from '../../api/address.ts';
import type { LookRecord } from './look-record.ts';

const text = z.string();
const count = z.int().nonnegative();
const address = z.custom<Address>(value => typeof value === 'string' && parseAddress(value) === value, {
  error: 'is no PCI address',
});

const place = z.discriminatedUnion('at', [
  z.object({ at: z.literal('host') }),
  z.object({ at: z.literal('assignable') }),
  z.object({ at: z.literal('guest'), domid: count, domain: text }),
]);

const device = z.looseObject({
  address,
  present: z.boolean(),
  path: text,
  identity: z.looseObject({ vendor: text, device: text, class: text.optional() }),
  text: z.looseObject({ vendor: text, device: text, subsystem: text, class: text }),
  driver: text.optional(),
  place,
  settled: z.boolean(),
  resetMethods: z.array(text),
  uses: z.array(z.looseObject({ guard: text, text })),
  dead: text.optional(),
  divergence: text.optional(),
});

const hostdev = z.looseObject({ address, alias: text.optional(), managed: z.boolean(), permissive: z.boolean() });

const domain = z.looseObject({
  name: text,
  uuid: text,
  domid: count.optional(),
  state: z.enum(['running', 'paused', 'changing', 'shutoff']),
  toolstack: z.enum(['libvirt', 'xl']),
  type: text,
  passthrough: text,
  live: z.array(hostdev),
  stored: z.looseObject({ hostdevs: z.array(hostdev), passthrough: z.boolean() }).optional(),
});

const origin = { file: text, line: count, column: count };
const problem = z.looseObject({ ...origin, code: text, field: text, message: text, excerpt: text });

const assignment = z.looseObject({
  metadata: z.looseObject({ name: text }),
  spec: z.looseObject({
    domain: z.union([z.object({ name: text }), z.object({ uuid: text })]),
    devices: z.array(
      z.looseObject({ name: text, address: address.optional(), path: text.optional(), permissive: z.boolean() }),
    ),
    updatePolicy: text,
    whenStopped: text,
    deletionPolicy: text,
    driftPolicy: text,
    suspend: z.boolean(),
  }),
});

const source = z.looseObject({
  assignments: z.array(
    z.looseObject({
      assignment,
      origin: z.object(origin),
      entryOrigins: z.array(z.object(origin)),
      hash: text,
      stale: problem.optional(),
    }),
  ),
  policy: z
    .looseObject({
      spec: z.looseObject({
        protectedDevices: z.array(z.looseObject({})),
        maxDetachesPerPass: count,
        forceDetach: z.boolean(),
        allow: z.array(text),
      }),
    })
    .optional(),
  problems: z.array(problem),
  complete: z.boolean(),
  elsewhere: z.looseObject({ objects: count, host: text }).optional(),
});

const held = z.looseObject({
  address,
  assignment: text,
  entry: text,
  domain: z.looseObject({ name: text, uuid: text.optional() }),
  deletionPolicy: text,
});

const condition = z.looseObject({ type: text, status: text, reason: text, message: text, lastTransitionTime: text });
const wait = z.looseObject({ kind: text, reason: text, message: text, since: text, overdue: z.boolean() });
const failure = z.looseObject({ count, error: text, since: text, nextTry: text });

const status = z.looseObject({
  observedAt: text,
  assignments: z.array(
    z.looseObject({
      name: text,
      domain: text,
      file: text,
      line: count,
      conditions: z.array(condition),
      devices: z.array(z.looseObject({ entry: text, address: address.optional(), ready: z.boolean() })),
    }),
  ),
  devices: z.array(
    z.looseObject({
      address,
      have: place.optional(),
      want: place.optional(),
      steps: z.array(text),
      wait: wait.optional(),
      failure: failure.optional(),
    }),
  ),
  problems: z.array(problem),
});

const lookRecord = z.looseObject({
  manifests: text,
  controller: count,
  observed: z.looseObject({
    devices: z.array(device),
    domains: z.array(domain),
    bootId: text,
    iommu: z.looseObject({ state: z.enum(['present', 'absent', 'unknown']) }),
  }),
  source,
  inventory: z.array(held),
  approvals: z.array(z.looseObject({ device: address, uuid: text, domid: count, until: z.number() })),
  failures: z.array(z.tuple([text, count])),
  status,
  now: z.number(),
});

/**
 * Checks that every part of a served look is there and of its kind, and that addresses are addresses. Its writer is a program
 * of this very version, so what a part holds besides is what the types say.
 * @throws {Error} that says what is wrong where.
 */
export function checkedLook(value: unknown): LookRecord {
  const checked = lookRecord.safeParse(value);
  // Itself, not the copy: that has its fields in another order, and what is printed of it would differ.
  if (checked.success) return value as LookRecord;
  const [issue] = checked.error.issues;
  throw new Error(`${issue?.path.join('.')}: ${issue?.message}`);
}
