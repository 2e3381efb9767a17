import * as z from 'zod';
import { address, conditions, failure, guard, head, hold, place, text } from './schema-parts.ts';

/**
 * The schema of PCIDevice, the kind that is only shown: what `xenpci get devices -o yaml` prints for each function. For
 * programs that read it.
 */
export const deviceSchema: z.ZodType = z
  .strictObject({
    ...head('PCIDevice'),
    metadata: z
      .strictObject({ name: z.string().describe('Address of the function, such as 0000:03:00.0.') })
      .describe('Name of the object.'),
    status: z
      .strictObject({
        present: z.boolean().describe('False for a function that xenstore names and that is no longer on the bus.'),
        path: z.string().describe('Bridge path; it stays the same when bus numbers move.'),
        identity: identity(),
        text: z
          .strictObject({
            vendor: z.string().describe('Name of the vendor.'),
            device: z.string().describe('Name of the device.'),
            subsystem: z.string().describe('Name of the subsystem; empty for none.'),
            class: z.string().describe('Name of the class.'),
          })
          .describe('Names from pci.ids; numbers where it has none.'),
        driver: z.string().exactOptional().describe('Driver that is bound in dom0 now, pciback included.'),
        homeDriver: z.string().exactOptional().describe('Driver that it had in dom0 before it became assignable.'),
        resetMethods: z.array(z.string()).describe('How it can be reset; empty when it cannot.'),
        permissive: z
          .boolean()
          .exactOptional()
          .describe('Whether the guest that has it may write all of its config space.'),
        place: place('Where it is.'),
        guestAddress: address('Where the guest that has it sees it.').exactOptional(),
        views: z
          .strictObject({
            live: z.array(z.string()).describe("Domains whose live definition has it, in libvirt's eyes."),
            stored: z.array(z.string()).describe('Domains whose stored definition has it.'),
          })
          .describe('Who has it for libvirt, which may be wrong.'),
        divergence: z.string().exactOptional().describe('What the views say, where they disagree.'),
        entry: z
          .strictObject({
            name: z.string().describe('A name for the entry, unique among the functions of the host.'),
            path: z.string().describe('As above.'),
            identity: identity(),
          })
          .exactOptional()
          .describe('Ready to be pasted under spec.devices of a PCIAssignment; absent for bridges.'),
        assignment: z
          .strictObject({
            name: z.string().describe('Name of the PCIAssignment.'),
            entry: z.string().describe('Name of its entry.'),
          })
          .exactOptional()
          .describe('The entry that names it; absent for none and for several.'),
        others: z
          .array(
            z
              .strictObject({
                assignment: z.string().describe('Name of the PCIAssignment.'),
                entry: z.string().describe('Name of its entry.'),
                wait: hold('Why that one does not have it; absent while its domain is off.').exactOptional(),
              })
              .describe('An entry that takes turns.'),
          )
          .exactOptional()
          .describe('Other entries that may have it, and take turns.'),
        desired: place('Where it should be now; absent when it is not to be touched.').exactOptional(),
        steps: z.array(z.string()).exactOptional().describe('What is to be done.'),
        afterApproval: z
          .array(z.string())
          .exactOptional()
          .describe('What is to be done once a person has approved that it leaves its guest.'),
        uses: z
          .array(
            z
              .strictObject({
                guard: z.string().describe('The guard that keeps it for that.'),
                text: z.string().describe('A clause for people.'),
              })
              .describe('One use.'),
          )
          .describe('What dom0 uses it for, the gravest first.'),
        dead: text('How it shows that it does not answer; absent while it does.').exactOptional(),
        guards: z.array(guard()).describe('Rules that refuse to touch it.'),
        refusal: hold('The rule by which what is asked for is refused now.').exactOptional(),
        waits: z.array(hold('What it waits for.')).describe('What it waits for: one thing, or nothing.'),
        failure: failure().exactOptional(),
        conditions: conditions(
          ['Ready', 'Orphan'],
          'Ready, for a device that is named or held; Orphan for one that nobody wants.',
        ),
      })
      .describe('What was found; nobody writes it.'),
  })
  .describe('A PCI function of the host as xenpci get devices -o yaml shows it. Nobody writes one.');

function identity(): z.ZodType {
  const digits = (what: string): z.ZodString => z.string().describe(`${what}, four hex digits.`);
  return z
    .strictObject({
      vendor: digits('Vendor'),
      device: digits('Device'),
      subsystemVendor: digits('Vendor of the subsystem').exactOptional(),
      subsystemDevice: digits('Device number of the subsystem').exactOptional(),
      class: digits('Base class and subclass').exactOptional(),
    })
    .describe('What the card says it is.');
}
