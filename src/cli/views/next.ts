import { explanationOf } from '../../controller/codes.ts';
import type { AssignmentStatus, DeviceStatus } from '../../controller/status-types.ts';
import type { HoldReason } from '../../plan/hold.ts';
import type { Survey } from '../looks/survey.ts';
import { shellQuoted } from '../shell-quoted.ts';
import { timeOfDay } from '../terminal/times.ts';
import { deviceReadiness, entryOf, isOrphaned } from './readiness.ts';

/** What the sentences below are about. */
interface Scene {
  readonly address: string;
  /** The domain that gets it, and the one that has it, quoted for a shell. */
  readonly taker: string;
  readonly holder: string;
  /** Lets the one of the two that is paused or asleep go on. */
  readonly goOn: string;
  /** Where the entry is written: `file:line`. */
  readonly entry: string;
  /** The assignment that a person has suspended at the machine, quoted for a shell. */
  readonly suspended: string | undefined;
}

const ADVICE: Readonly<Record<HoldReason, (scene: Scene) => string>> = {
  DeviceMissing: ({ entry }) => `Put the card back, or remove its entry (${entry}).`,
  DomainNotFound: ({ entry }) => `Define the domain, or correct spec.domain (${entry}).`,
  DomainPaused: ({ goOn }) => `Let the domain go on: ${goOn}`,
  DomainChanging: () => 'Nothing: it goes on when the domain has started or stopped.',
  DomainCrashed: ({ taker, holder }) =>
    `Look at what is left of it, then end it: virsh destroy ${holder === "''" ? taker : holder}`,
  NeedsRestart: ({ taker }) => `Stop and start the domain: virsh shutdown ${taker}, then virsh start ${taker}`,
  GuestBusClosed: ({ holder }) => `Stop and start the domain: virsh shutdown ${holder}, then virsh start ${holder}`,
  NeedsApproval: () => 'If they may all go: xenpci approve. If not, correct the manifests.',
  HeldByOther: ({ holder, address }) =>
    `Take it away there: xl pci-detach ${holder} ${address}; or write an assignment for that domain.`,
  Drifted: ({ entry }) => `Undo what was changed, edit the assignment, or set driftPolicy: Correct (${entry}).`,
  SharedInUse: () => 'Nothing: it takes turns. To have it sooner, stop the domain that has it.',
  SlotInUse: ({ address }) => `See what the other functions of that card wait for: xenpci describe device ${address}`,
  Settling: () => 'Nothing: the guest is about to take it.',
  SourceIncomplete: () => 'Correct the manifests: xenpci validate shows what is wrong.',
  Suspended: ({ entry, suspended }) =>
    suspended === undefined
      ? `Set suspend: false when work may go on (${entry}).`
      : `When work may go on: xenpci resume ${suspended}`,
  SuspensionUnknown: () =>
    'Look which guests are to be left alone; then xenpci resume --all, and xenpci suspend those again.',
  Conflict: () => 'Remove it from all but one of the entries that name it.',
  IdentityMismatch: ({ entry }) => `Look which card is in that slot; if it is right, correct identity (${entry}).`,
  Protected: ({ entry }) => `Take it out of protectedDevices, or remove its entry (${entry}).`,
  Bridge: ({ entry }) => `Name the device behind the bridge (${entry}).`,
  SegmentTooLarge: () => 'Switch VMD off in the firmware, and name the device at its new address.',
  NoReset: ({ entry }) => `Set reset: BestEffort if an unreset device is acceptable (${entry}).`,
  MountedFilesystem: ({ address }) => inUse(address),
  Swap: ({ address }) => inUse(address),
  StorageMember: ({ address }) => inUse(address),
  NetworkAddress: ({ address }) => inUse(address),
  DefaultRoute: ({ address }) => inUse(address),
  NetworkBridge: ({ address }) => inUse(address),
  BootDisplay: ({ address }) => inUse(address),
  Console: ({ address }) => inUse(address),
  UseUnknown: ({ address }) => inUse(address),
  SharedSlot: ({ entry }) => `Name its companion for the same domain, too, or allow SharedSlot (${entry}).`,
  NoIOMMU: () => 'Switch VT-d or AMD-Vi on in the firmware, and start the host anew.',
  DeviceDead: ({ address }) =>
    `Look at the card; if it is well, restart the host. lspci -s ${address} shows whether it answers.`,
  PVHDomain: ({ entry }) => `Name a PV or HVM domain (${entry}).`,
  ControlDomain: ({ entry }) => `Name a guest in spec.domain (${entry}).`,
};

function inUse(address: string): string {
  return `End what dom0 does with it, or allow it by that name in PCIHostPolicy. xenpci describe device ${address} shows all of it.`;
}

/** What a person can do about a device now, as one sentence. */
export function nextFor(survey: Survey, address: string): string {
  const device = survey.status.devices.find(found => found.address === address);
  if (device === undefined) return nextForUnnamed(survey, address);
  const ready = deviceReadiness(survey, address)?.ready === true;
  return ready ? 'Nothing: it is where it should be.' : nextForPending(survey, device);
}

/** What a person can do about a device that is not where it should be, as one of its entries sees it. */
export function nextForPending(survey: Survey, device: DeviceStatus): string {
  const { failure, wait } = device;
  if (failure !== undefined) {
    return `Nothing yet: it is tried again at ${timeOfDay(failure.nextTry)}. If it goes on failing, read /var/log/xen and libvirtd's log.`;
  }
  if (wait !== undefined) return ADVICE[wait.reason](sceneOf(survey, device));
  if (survey.controller !== undefined) return `Nothing: the running controller (process ${survey.controller}) does it.`;
  return 'Run `xenpci reconcile --once`, or `xenpci run`: no controller runs on this host.';
}

/** What a person can do about an assignment of which no device waits: its file may be wrong, or an entry mean none. */
export function nextForAssignment({ conditions, file }: AssignmentStatus): string {
  const stalled = conditions.find(({ type }) => type === 'Stalled');
  const ready = conditions.find(({ type }) => type === 'Ready');
  if (stalled?.reason === 'InvalidManifest') return `Correct the file: xenpci validate ${shellQuoted(file)}`;
  const reason = stalled?.reason ?? (ready?.status === 'True' ? undefined : ready?.reason);
  if (reason === undefined) return 'Nothing: it is as it should be.';
  return explanationOf(reason)?.remedy ?? `xenpci explain ${reason}`;
}

function nextForUnnamed(survey: Survey, address: string): string {
  const assign = `To assign it, name it in ${survey.globals.manifests}.`;
  const device = [...survey.observed.devices.values()].find(found => found.address === address);
  if (device !== undefined && isOrphaned(survey, device)) {
    return `Nothing, unless you want it elsewhere. To give it back to dom0: xl pci-assignable-remove -r ${address}. ${assign}`;
  }
  return `Nothing: no manifest names it, so it is left alone. ${assign}`;
}

function sceneOf(survey: Survey, device: DeviceStatus): Scene {
  const entry = entryOf(survey, device.address);
  const selector = entry?.assignment.assignment.spec.domain;
  const taker = selector === undefined ? '' : 'uuid' in selector ? selector.uuid : selector.name;
  const holder = device.have?.at === 'guest' ? device.have.domain : '';
  return {
    address: device.address,
    taker: shellQuoted(taker),
    holder: shellQuoted(holder),
    // As long as its present guest is paused, a device is wanted nowhere.
    goOn: goOnCommand(survey, device.want === undefined ? holder : taker),
    entry: entry === undefined ? 'see its manifest' : `${entry.origin.file}:${entry.origin.line}`,
    suspended: suspendedFor(survey, device, entry?.assignment.assignment.metadata.name),
  };
}

function goOnCommand({ observed }: Survey, domain: string): string {
  const found = observed.domains.find(({ name, uuid }) => name === domain || uuid === domain);
  return `virsh ${found?.asleep === true ? 'dompmwakeup' : 'resume'} ${shellQuoted(domain)}`;
}

function suspendedFor({ source, inventory }: Survey, { address }: DeviceStatus, named?: string): string | undefined {
  const { suspensions } = source;
  if (suspensions === undefined || 'unusable' in suspensions) return undefined;
  const names = [named, inventory.get(address)?.assignment];
  const found = suspensions.suspended.find(({ assignment }) => names.includes(assignment));
  return found && shellQuoted(found.assignment);
}
