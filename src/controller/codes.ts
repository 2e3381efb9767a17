import type { Condition } from '../api/conditions.ts';
import type { GuardName } from '../api/guards.ts';
import type { ProblemCode } from '../api/manifest.ts';
import type { WaitReason } from '../plan/hold.ts';
import { EVENT_CODES, type EventReason } from './event-codes.ts';
import type { Explanation } from './explanation.ts';
import type { HostErrorCode } from './ports.ts';

/** The reasons of conditions that are neither waits nor guards. */
export type ConditionReason =
  | 'InPlace'
  | 'Prepared'
  | 'Progressing'
  | 'StepFailed'
  | 'InvalidManifest'
  | 'NotByXenpci'
  | 'OnTrial'
  | 'WantedByNobody'
  | 'Diverged'
  | 'Unknown'
  | 'WhenStoppedHost';

/** Every code that a person may meet. */
export type Code =
  | GuardName
  | WaitReason
  | ProblemCode
  | HostErrorCode
  | Condition['type']
  | ConditionReason
  | EventReason;

const NOTHING = 'Nothing.';
const USED = "End dom0's use of the device, or name the guard in spec.allow of the PCIHostPolicy.";

function wait(meaning: string, remedy: string): Explanation {
  return { kind: 'wait', meaning, remedy };
}

function guard(meaning: string, remedy: string): Explanation {
  return { kind: 'guard', meaning, remedy };
}

function condition(meaning: string, remedy: string): Explanation {
  return { kind: 'condition', meaning, remedy };
}

function problem(meaning: string, remedy: string): Explanation {
  return { kind: 'problem of a manifest', meaning, remedy };
}

function failure(meaning: string, remedy: string): Explanation {
  return { kind: 'error of the host', meaning, remedy };
}

/** One table for `xenpci explain`; a code that is missing here does not compile. */
export const CODES: Readonly<Record<Code, Explanation>> = {
  NeedsRestart: wait(
    'The guest was started without PCI passthrough, may not be changed while it runs, or has the device with another permissive.',
    'Stop and start the guest.',
  ),
  DomainNotFound: wait(
    'There is no such guest. One that was served before counts as stopped; for one that was never seen, or was renamed, nothing is touched.',
    'Define the guest, or correct spec.domain.',
  ),
  NeedsApproval: wait(
    'More devices than maxDetachesPerPass would leave running guests at once, so none of them does.',
    'Look at them and approve them with xenpci approve, or correct the manifests.',
  ),
  DomainPaused: wait(
    'The guest is paused or asleep, and can neither take a device nor let go of one.',
    'Resume it (virsh resume), or wake it (virsh dompmwakeup).',
  ),
  DomainChanging: wait('The guest is starting or stopping.', 'Nothing: it goes on when the guest has.'),
  DomainCrashed: wait(
    'The guest has crashed and is kept for examination (on_crash preserve).',
    'Destroy it when you have seen enough.',
  ),
  GuestBusClosed: wait(
    'The guest has the device, and the PCI bus that it comes by is closed: no device works in it, and none can be taken from it.',
    'Stop and start the guest.',
  ),
  DeviceMissing: wait('The device is not on this host.', 'Put it back, or remove its entry.'),
  HeldByOther: wait(
    'A guest has the device, and not from xenpci.',
    'Detach it there, or write an assignment for that guest.',
  ),
  SharedInUse: wait(
    'Another guest has the device, or was started before; those that share it take turns.',
    'Nothing: it is free again when that one stops, or lets go of it.',
  ),
  SlotInUse: wait(
    'Another function of the same card is still in another guest, and all of them are to have one owner.',
    'What that function waits for; nothing when it is on its way.',
  ),
  Drifted: wait(
    'Under driftPolicy: Report, somebody changed what was in place, or the guest has what no entry names.',
    'Undo the change, edit the assignment, or set driftPolicy: Correct.',
  ),
  Settling: wait('The guest has not finished taking the device.', NOTHING),
  SourceIncomplete: wait(
    'The entry is gone, but some manifest cannot be read, so nothing is taken away.',
    'Correct the manifests: xenpci validate shows what is wrong.',
  ),
  Suspended: wait(
    'A person has suspended the assignment at the machine (xenpci suspend), or it says suspend: true.',
    'When work may go on: xenpci resume NAME, or set suspend: false.',
  ),
  SuspensionUnknown: wait(
    'The record of what persons have suspended cannot be used, so no step is taken for any assignment.',
    'Look which guests are to be left alone; then xenpci resume --all, and suspend those again.',
  ),
  Conflict: guard(
    'Several entries name the device and not all of them share it; nobody is moved.',
    'Remove it from all but one, or let all say sharing: FirstStarted.',
  ),
  IdentityMismatch: guard(
    'Another card is in the slot than the entry expects.',
    'Look which card it is; if it is right, correct identity in the entry.',
  ),
  Protected: guard(
    'The device is in protectedDevices of the PCIHostPolicy, or a file that cannot be read may say so.',
    'Take it out of the list, or remove its entry.',
  ),
  Bridge: guard('The device is a bridge, which no guest can be given.', 'Name the device behind it.'),
  SegmentTooLarge: guard(
    "The device is in a segment beyond ffff, as Intel's VMD makes them; Xen has no number for it.",
    'Switch VMD off in the firmware, and name the device at its new address.',
  ),
  PVHDomain: guard('Xen passes PCI devices to PV and HVM guests only.', 'Name a PV or HVM guest.'),
  ControlDomain: guard('The entry is for dom0, which has every device that no guest has.', 'Name a guest.'),
  NoIOMMU: guard(
    'Xen drives no IOMMU, or it cannot be told whether it does; without one it gives no device to a guest.',
    'Switch VT-d or AMD-Vi on in the firmware, and start the host anew; see xl info, virt_caps.',
  ),
  DeviceDead: guard(
    'The device does not answer. It is given to nobody, and nothing is retried.',
    'Look at the card; if it is well, restart the host.',
  ),
  MountedFilesystem: guard('dom0 has a file system of the device mounted.', USED),
  Swap: guard('dom0 swaps to the device.', USED),
  StorageMember: guard('The device holds a part of LVM, RAID, ZFS or another stack, open or not.', USED),
  NetworkAddress: guard('dom0 has an address on the device, directly or through bonds and VLANs.', USED),
  DefaultRoute: guard("dom0's default route goes through the device.", USED),
  NetworkBridge: guard('A bridge of dom0 has the device as a port.', USED),
  BootDisplay: guard('The machine started with this display, or dom0 writes on it.', USED),
  Console: guard("The device is a console of dom0's kernel.", USED),
  UseUnknown: guard(
    'A file that would tell what dom0 does with the device cannot be read or understood.',
    'See the message for which one; or name the guard in spec.allow of the PCIHostPolicy.',
  ),
  SharedSlot: guard(
    'Functions of one slot, or devices that can only be reset together, would get two owners.',
    'Name its companions for the same guest, or name the guard in spec.allow of the PCIHostPolicy.',
  ),
  NoReset: guard(
    'The device cannot be reset, and the entry says reset: Strict.',
    'Set reset: BestEffort if an unreset device is acceptable.',
  ),
  Ready: condition(
    'Whether every device of the assignment is where it should be now.',
    'When it is False, its reason says why: xenpci explain REASON.',
  ),
  Reconciling: condition(
    'Steps are under way, fail, or wait for something; it is there only while that is so.',
    'See its reason.',
  ),
  Stalled: condition(
    'It does not go on without a person: a guard refuses it, it has waited too long, or the file is not valid. It is there only while that is so.',
    'See its reason; xenpci describe assignment NAME ends with what to do.',
  ),
  Orphan: condition(
    'The device is bound to pciback, and nobody wants it; it is left alone.',
    'To give it back to dom0: xl pci-assignable-remove -r ADDRESS. To assign it, name it in a manifest.',
  ),
  ForeignDevices: condition(
    'The guest has devices that no entry names and that xenpci did not give it; they are left alone.',
    'Name them in the assignment, or take them away there.',
  ),
  InPlace: condition('The running guest has every device of the assignment.', NOTHING),
  Prepared: condition('The guest is shut off, and gets its devices when it is started.', NOTHING),
  Progressing: condition('Steps are under way, or are taken next.', 'Nothing; xenpci plan shows them.'),
  StepFailed: condition(
    'xl or libvirt failed. It is tried again after 1 s, 2 s, 4 s and so on up to 5 minutes, for each device by itself.',
    "If it goes on failing, read the message, /var/log/xen and libvirtd's log.",
  ),
  InvalidManifest: condition(
    'The file is not valid now; its last good content stays in force.',
    'Correct it: xenpci validate shows what is wrong.',
  ),
  NotByXenpci: condition(
    'The guest has devices that no entry names and that xenpci did not give it; they are left alone.',
    'Name them in the assignment, or take them away there.',
  ),
  OnTrial: condition(
    'The file is tried with xenpci try: when the time is up, what was wanted before is wanted again.',
    'Keep it with xenpci try --confirm, or end it with xenpci try --revert.',
  ),
  WantedByNobody: condition(
    'The device is bound to pciback, and no manifest, record or stored definition wants it; it is left alone.',
    'To give it back to dom0: xl pci-assignable-remove -r ADDRESS. To assign it, name it in a manifest.',
  ),
  Diverged: condition(
    'xenstore and libvirt disagree about who has the device; xl does the next step.',
    'Nothing; restarting libvirtd often ends it.',
  ),
  Unknown: condition('No look has shown yet where the device is.', NOTHING),
  WhenStoppedHost: condition(
    'The device stays with its dom0 driver until its guest is started, so it is not hidden at boot.',
    'Nothing; with whenStopped: Assignable it would be hidden.',
  ),
  Unreadable: problem('The file or folder cannot be read, or is not UTF-8.', 'Mend what the message says.'),
  NotTrusted: problem(
    'Others than root may change the file or folder, or it is a link out of the folder; its last good content stays in force.',
    'Run the command in the message. Whoever can change a manifest can give away any device.',
  ),
  TooLarge: problem('There is more in it than is read.', 'Make several files of it.'),
  Syntax: problem('It is no YAML, or uses what is not read here.', 'Correct it at the place that is shown.'),
  UnknownKind: problem('There is no such kind.', 'Write PCIAssignment or PCIHostPolicy.'),
  UnknownField: problem('There is no such field.', 'Correct its name; xenpci explain shows the fields of a kind.'),
  MissingField: problem('A field that must be there is not.', 'Add it.'),
  InvalidValue: problem(
    'The value is not one that the field takes.',
    'Correct it; xenpci explain FIELD says what it takes.',
  ),
  DuplicateName: problem(
    'A name that may be there once is there more often.',
    'Rename or remove one of the two places.',
  ),
  DuplicateDevice: problem(
    'Two entries name one device and do not share it.',
    'Remove one, or let both say sharing: FirstStarted.',
  ),
  EmptySource: problem(
    'The folder has no manifests in it, or the file is empty; that is no order to give everything back.',
    'Put the files back, or run with --allow-empty if nothing is desired.',
  ),
  Unreachable: failure(
    'xenstored, libvirtd, xl or sysfs cannot be reached or read. Nothing is touched.',
    'See whether they run; xenpci doctor does.',
  ),
  PreconditionFailed: failure('The host is no longer as the step assumes.', 'Nothing: it is planned anew.'),
  DeadlineExceeded: failure('There was no answer in time.', 'Nothing yet: it is tried again.'),
  ...EVENT_CODES,
};

/** The explanation of a code, in whatever case it is written. */
export function explanationOf(text: string): (Explanation & { readonly code: Code }) | undefined {
  const found = Object.keys(CODES).find(code => code.toLowerCase() === text.toLowerCase()) as Code | undefined;
  return found && { code: found, ...CODES[found] };
}
