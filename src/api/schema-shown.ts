import * as z from 'zod';
import { address, askedBy, conditions, failure, head, hold, holdFields, place, text, time } from './schema-parts.ts';

/** What stands in each list of objects, beside what `-o json` prints of one of them alone. */
const ALONE_OR_LISTED = 'A list has the same objects in its items, and the kind with List behind it.';

const assignmentDevice = z
  .strictObject({
    entry: text('Name of the entry.'),
    address: address('The device that it means; absent where it means none on this host.').exactOptional(),
    ready: z.boolean().describe('Whether it is where it should be.'),
    place: place('Where it is.').exactOptional(),
    desired: place('Where it should be now; absent when it is not to be touched.').exactOptional(),
    wait: hold('What keeps it from there.').exactOptional(),
    failure: failure().exactOptional(),
  })
  .describe('What has become of an entry. With a selector there is one for each device.');

/** The status of a PCIAssignment: what `xenpci get assignments -o json` adds to what was written. */
export const assignmentStatusSchema: z.ZodType = z
  .strictObject({
    origin: z
      .strictObject({ file: text('The manifest.'), line: z.int().describe('The line where it begins.') })
      .describe('Where it is written.'),
    conditions: conditions(
      ['Ready', 'Reconciling', 'Stalled', 'ForeignDevices', 'OnTrial'],
      'Ready always; the others only while they are true.',
    ),
    devices: z.array(assignmentDevice).describe('One for each device.'),
    foreign: z
      .array(
        z
          .strictObject({
            address: address('The device.'),
            views: z.array(z.enum(['xenstore', 'live', 'stored'])).describe('Where it shows.'),
          })
          .describe('A device.'),
      )
      .exactOptional()
      .describe('What the domain has that no entry names and that xenpci did not give it.'),
  })
  .describe(`How it stands. It asks for nothing: in a file that is read it is passed over. ${ALONE_OR_LISTED}`);

const hostdev = z
  .strictObject({
    address: address('The device.'),
    permissive: z.boolean().describe('Whether the guest may write all of its config space.'),
    ours: z.boolean().describe('Whether xenpci has put it there.'),
  })
  .describe('A device of a definition.');

/** A domain as `/v1/domains` shows it. */
export const domainSchema: z.ZodType = z
  .strictObject({
    ...head('Domain'),
    metadata: z.strictObject({ name: text('Its name.'), uid: text('Its UUID.') }).describe('Who it is.'),
    status: z
      .strictObject({
        domid: z.int().exactOptional().describe('Domain id; absent while it is shut off.'),
        state: z
          .enum(['running', 'paused', 'changing', 'shutoff'])
          .describe('changing: starting, stopping, or crashed with its domain id still there.'),
        asleep: z.boolean().exactOptional().describe('Whether it is paused because it has gone to sleep itself.'),
        crashed: z.boolean().exactOptional().describe('Whether a crashed instance is kept for examination.'),
        toolstack: z.enum(['libvirt', 'xl']).describe('xl: running, and not known to libvirt.'),
        persistent: z.boolean().describe('Whether it has a stored definition.'),
        type: z.enum(['pv', 'hvm', 'pvh']).describe('What kind of guest it is.'),
        passthrough: z.enum(['on', 'off', 'unknown']).describe('Whether it was started with PCI passthrough.'),
        live: z.array(hostdev).describe('The devices of its live definition.'),
        stored: z
          .strictObject({
            passthrough: z.boolean().describe('Whether it is set for PCI passthrough.'),
            devices: z.array(hostdev).describe('Its devices.'),
          })
          .exactOptional()
          .describe('Its stored definition.'),
        assignments: z.array(z.string()).describe('The assignments that name it.'),
      })
      .describe('What was found.'),
  })
  .describe(`A domain as it was found. ${ALONE_OR_LISTED}`);

/** What `/v1/plan` shows. */
export const planSchema: z.ZodType = z
  .strictObject({
    ...head('Plan'),
    status: z
      .strictObject({
        observedAt: time('When the host was looked at.'),
        steps: z
          .array(
            z
              .strictObject({
                text: text('A clause for people.'),
                step: z
                  .looseObject({ verb: text('bind, rebind, attach, detach, release or configure.') })
                  .describe('The step with what it needs; what else is in it depends on the verb, and may change.'),
                askedBy: askedBy(),
              })
              .describe('A step.'),
          )
          .describe('What is to be done; of each device the first step is taken.'),
        holds: z
          .array(z.strictObject({ device: address('The device.'), ...holdFields }).describe('A wait or a refusal.'))
          .describe('What waits, and what is refused.'),
        problems: z
          .array(
            z
              .strictObject({
                file: text('The file or folder.'),
                line: z.int().describe('From 1.'),
                column: z.int().describe('From 1.'),
                code: text('One word for programs.'),
                field: text('The field, such as spec.devices[0].address; empty for the whole file.'),
                message: text('A sentence for people.'),
                excerpt: text('The line with a caret below it; empty where there is none.'),
              })
              .describe('One problem.'),
          )
          .describe('What is wrong with the manifests.'),
      })
      .describe('As of the last look.'),
  })
  .describe('What is to be done, and what waits.');

const object = (description: string): z.ZodType =>
  z
    .strictObject({
      kind: z.enum(['PCIDevice', 'PCIAssignment', 'Domain', 'Manifest', 'Host']).describe('What it is.'),
      name: text('Its name.'),
    })
    .describe(description);

/** An event, as `xenpci events -o json` and `/v1/events` show it. */
export const eventSchema: z.ZodType = z
  .strictObject({
    id: z.int().describe('Grows by one with each, also over restarts.'),
    time: time('When it happened.'),
    type: z.enum(['Normal', 'Warning']).describe('Whether somebody should look at it.'),
    action: text('What was done or attempted: Attach, Look, Wait and so on.'),
    reason: text('Why it is told; xenpci explain tells of each.'),
    regarding: object('What it is about.'),
    related: z.array(object('What else it has to do with.')).describe('What else it has to do with.'),
    note: text('A sentence for people.'),
    askedBy: askedBy().exactOptional(),
    count: z.int().describe('How often it has happened in a row of repeats.'),
    since: time('When that row began.'),
    first: z.int().describe('The id of the event with which it began.'),
  })
  .describe(
    'A change, or an attempt that has ended. xenpci events prints a list of kind EventList; with -w one a line.',
  );

/** What `xenpci doctor -o json` prints. */
export const diagnosisSchema: z.ZodType = z
  .strictObject({
    ...head('Diagnosis'),
    summary: z
      .strictObject({
        ok: z.int().describe('How many are.'),
        warning: z.int().describe('How many warn.'),
        failure: z.int().describe('How many failed.'),
      })
      .describe('How many checks have each result.'),
    checks: z
      .array(
        z
          .strictObject({
            name: text('Stable: xen, pciback, domain/NAME and so on.'),
            result: z
              .enum(['ok', 'warning', 'failure'])
              .describe('failure: xenpci cannot do its work; warning: it can, and less than it could.'),
            message: text('A sentence for people.'),
            mend: text('All that mends it, in one line.').exactOptional(),
            commands: z.array(z.string()).exactOptional().describe('The commands of that, in their order.'),
            words: text('What else is to be done.').exactOptional(),
          })
          .describe('One check.'),
      )
      .describe('Each check.'),
  })
  .describe('Whether a host is fit for xenpci.');

/** What `xenpci boot-hide -o json` prints. */
export const bootHideSchema: z.ZodType = z
  .strictObject({
    ...head('BootHide'),
    hide: z.array(address('A device.')).describe('The devices that pciback should have from the first moment on.'),
    leftOut: z
      .array(
        z
          .strictObject({
            address: address('The device.'),
            kind: z.enum(['wait', 'guard']).exactOptional().describe('What keeps it, where something does.'),
            reason: text('One word for programs.'),
            message: text('A sentence for people.'),
          })
          .describe('A device.'),
      )
      .describe('Devices that an assignment names and that are not to be hidden.'),
    text: text('The value for hide.'),
    drivers: z.array(z.string()).describe('The modules that would take these devices first.'),
    settings: z
      .array(
        z
          .strictObject({
            where: z.enum(['cmdline', 'modprobe', 'module']).describe('Who says it.'),
            source: text('In words: the file, or what else it is.'),
            text: text('The value of hide there.'),
            same: z.boolean().describe('Whether it is what it should be.'),
            rejected: z.boolean().describe('Whether the kernel would reject all of it.'),
            missing: z.array(z.string()).describe('What should be hidden as well.'),
            surplus: z.array(z.string()).describe('What no assignment wants hidden.'),
          })
          .describe('One of them.'),
      )
      .describe('What says now what is hidden.'),
    same: z.boolean().describe('Whether all that says something says the same.'),
  })
  .describe('What hides the assigned devices from the drivers of dom0 at boot.');
