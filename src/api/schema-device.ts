import * as z from 'zod';
import { API_VERSION } from './manifest.ts';

/**
 * The schema of PCIDevice, the kind that is only shown: what `xenpci get devices -o yaml` prints for each function. For
 * programs that read it.
 */
export const deviceSchema: z.ZodType = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).describe('Group and version of the format.'),
    kind: z.literal('PCIDevice').describe('What this object is.'),
    metadata: z
      .strictObject({ name: z.string().describe('Address of the function, such as 0000:03:00.0.') })
      .describe('Name of the object.'),
    status: z
      .looseObject({
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
        others: z.unknown().describe('Other entries that may have it, and take turns.').exactOptional(),
        desired: place('Where it should be now; absent when it is not to be touched.').exactOptional(),
        steps: z.array(z.string()).exactOptional().describe('What is to be done.'),
        guards: z.array(hold()).describe('Rules that refuse to touch it.'),
        waits: z.array(hold()).describe('What it waits for.'),
        failure: z
          .looseObject({ error: z.string().describe('In the words of the toolstack.') })
          .exactOptional()
          .describe('How the last step failed, how often, and when it is tried again.'),
        conditions: z
          .array(
            z
              .looseObject({
                type: z.string().describe('Ready.'),
                status: z.enum(['True', 'False']).describe('Whether it is so.'),
                reason: z.string().describe('One word for programs.'),
                message: z.string().describe('A sentence for people.'),
              })
              .describe('A condition as in Kubernetes.'),
          )
          .describe('Ready, for a device that is named or held.'),
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

function place(description: string): z.ZodType {
  return z
    .strictObject({
      at: z
        .enum(['host', 'assignable', 'guest'])
        .describe('host: dom0; assignable: on pciback; guest: a running guest.'),
      domid: z.int().exactOptional().describe('Domain id of the guest.'),
      domain: z.string().exactOptional().describe('Name of the guest.'),
    })
    .describe(description);
}

function hold(): z.ZodType {
  return z
    .looseObject({
      reason: z.string().describe('One word for programs.'),
      message: z.string().describe('A sentence for people.'),
    })
    .describe('Why it is not, or not yet, where it should be.');
}
