import type { Address } from '../../../src/api/address.ts';
import type { Condition } from '../../../src/api/conditions.ts';
import { identityDifferences } from '../../../src/api/identity.ts';
import { MAX_DETACHES_DEFAULT } from '../../../src/api/manifest.ts';
import type { AssignmentStatus, DeviceStatus, Status } from '../../../src/controller/status-types.ts';
import { isClosing, isConnected, listEntries } from '../../../src/simulator/model/backend.ts';
import { type Device, PCIBACK } from '../../../src/simulator/model/device.ts';
import type { Domain } from '../../../src/simulator/model/domain.ts';
import { usesOf } from '../../../src/simulator/model/host-use.ts';
import type { Model } from '../../../src/simulator/model/model.ts';
import { type Believed, isFor, type Wish } from './believed.ts';
import type { Shown } from './shown.ts';

/** The world against which a status is held. */
export interface Facts {
  readonly model: Model;
  readonly believed: Believed;
  /** What the daemon must know. */
  readonly shown: Shown;
  /** What it may know. */
  readonly everShown: Shown;
  /** The keys whose last step failed though nothing was made to fail. */
  readonly honestFailures: ReadonlySet<string>;
}

/** What a status says that is not so, when the world has come to rest; undefined when all of it is true. */
export function untruth(status: Status, facts: Facts): string | undefined {
  const { believed } = facts;
  const names = believed.assignments().map(({ metadata }) => metadata.name);
  const missing = names.find(name => !status.assignments.some(assignment => assignment.name === name));
  if (missing !== undefined) return `${missing} is in force and is not shown`;
  for (const assignment of status.assignments) {
    const wrong = wrongOf(assignment, status, facts);
    if (wrong !== undefined) return `${assignment.name}: ${wrong}`;
  }
  return undefined;
}

function wrongOf(assignment: AssignmentStatus, status: Status, facts: Facts): string | undefined {
  const { name } = assignment;
  if (!facts.believed.assignments().some(({ metadata }) => metadata.name === name)) return 'is shown, not in force';
  const wishes = facts.believed.wishes().filter(wish => wish.assignment.metadata.name === name);
  const ready = assignment.conditions.find(({ type }) => type === 'Ready');
  if (ready === undefined) return 'has no condition Ready';
  if (ready.status === 'True') {
    const out = wishes.find(wish => !isInPlace(wish, facts));
    const said = `is said to be ready (${ready.reason}: ${ready.message})`;
    return out === undefined ? undefined : `${said}, and ${placesText(out, facts)}`;
  }
  for (const wish of wishes) {
    const wrong = wrongOfEntry(wish, assignment, status, facts);
    if (wrong !== undefined) return `${wish.entry.name} ${wrong}; ${placesText(wish, facts)}`;
  }
  return wrongOfDomain(assignment, ready, wishes[0], facts);
}

/** What is not about a device. */
function wrongOfDomain(
  assignment: AssignmentStatus,
  { reason, message }: Condition,
  wish: Wish | undefined,
  { model, honestFailures }: Facts,
): string | undefined {
  if (reason === 'Progressing') return `goes on for ever: ${message}`;
  if (!assignment.devices.every(device => device.ready)) return undefined;
  if (reason === 'StepFailed') {
    const domain = wish === undefined ? undefined : domainOf(wish, model);
    return honestFailures.has(`domain/${domain?.name}`) ? undefined : `is said to fail, and nothing failed: ${message}`;
  }
  return ['Drifted', 'Suspended', 'SuspensionUnknown'].includes(reason)
    ? undefined
    : `is not ready: ${reason}: ${message}`;
}

function wrongOfEntry(wish: Wish, assignment: AssignmentStatus, status: Status, facts: Facts): string | undefined {
  const entry = assignment.devices.find(device => device.entry === wish.entry.name);
  if (entry === undefined) return 'is not shown';
  if (entry.ready) return isInPlace(wish, facts) ? undefined : 'is said to be ready';
  const device = status.devices.find(({ address }) => address === entry.address);
  return device === undefined ? undefined : excuse(device, assignment.name, wish, facts);
}

/** Why what is said of a device that is not ready is not so. */
function excuse(device: DeviceStatus, assignment: string, wish: Wish, facts: Facts): string | undefined {
  const other = device.others?.find(item => item.assignment === assignment && item.entry === wish.entry.name);
  const wait = other === undefined ? device.wait : other.wait;
  if (other === undefined && device.underWay !== undefined) return `goes on for ever: ${device.underWay}`;
  if (other === undefined && device.failure !== undefined) {
    const isHonest = facts.honestFailures.has(device.address);
    return isHonest ? undefined : `is said to fail, and nothing failed: ${device.failure.error}`;
  }
  if (wait === undefined) return `no reason is given (${device.steps.join(', then ')})`;
  return isTrue(wait.reason, wish, facts)
    ? undefined
    : `is said to wait, and does not: ${wait.reason}: ${wait.message}`;
}

function isTrue(reason: string, wish: Wish, facts: Facts): boolean {
  const { model, believed } = facts;
  const { address } = wish;
  const device = model.dom0.devices.get(address);
  const domain = domainOf(wish, model);
  const holder = holderOf(model, address);
  const holderAssigned = holder === undefined ? [] : believed.assignments().filter(each => isFor(each, holder));
  const either = [domain, holder];
  switch (reason) {
    case 'DeviceMissing':
      return device?.present !== true;
    case 'DomainNotFound':
      return domain === undefined;
    case 'DomainPaused':
      return [...either, ...believers(model, address)].some(each => each?.instance?.believedPaused === true);
    case 'DomainCrashed':
      return [...either, ...believers(model, address)].some(each => each?.instance?.crashed === true);
    // Nothing starts or stops for ever.
    case 'DomainChanging':
      return false;
    case 'Settling':
      return [...model.dom0.domains.values()].some(each => isUnsettled(model, each));
    case 'GuestBusClosed':
      return either.some(each => each?.instance?.busHangs === true);
    case 'NeedsRestart':
      return (
        wish.assignment.spec.updatePolicy === 'OnNextStart' ||
        domain?.instance?.passthrough === false ||
        holderAssigned.some(({ spec }) => spec.updatePolicy === 'OnNextStart') ||
        (holder !== undefined && (holderAssigned.length === 0 || device?.driver !== PCIBACK)) ||
        // Between two looks it may have been taken and given anew, which nobody can tell from a card that was put back.
        (device !== undefined && isAnotherShown(device, holder, facts.everShown)) ||
        permissiveDiffers(wish, model)
      );
    case 'HeldByOther':
      return holder !== undefined && holder !== domain;
    case 'SharedInUse':
      return wish.entry.sharing === 'FirstStarted' && believed.wishesFor(address).length > 1;
    case 'NeedsApproval':
      return (
        holder !== undefined &&
        heldElsewhere(facts) > (believed.policy?.spec.maxDetachesPerPass ?? MAX_DETACHES_DEFAULT)
      );
    case 'SuspensionUnknown':
      return believed.isAllSuspended;
    case 'Suspended':
      return wish.assignment.spec.suspend || holderAssigned.some(({ spec }) => spec.suspend) || hasSuspended(believed);
    case 'Drifted':
      return believed.wishesFor(address).some(({ assignment }) => assignment.spec.driftPolicy === 'Report');
    case 'SourceIncomplete':
      return !believed.isComplete;
    case 'Conflict':
      return believed.wishesFor(address).length > 1;
    case 'IdentityMismatch':
      return device !== undefined && identityDifferences(wish.entry.identity ?? {}, device.spec.identity).length > 0;
    case 'Protected':
      return (
        believed.policy?.spec.protectedDevices.some(item => 'address' in item && item.address === address) === true
      );
    case 'NoReset':
      return (device?.spec.resetMethods ?? []).length === 0;
    case 'SharedSlot':
    case 'SlotInUse':
      return address.startsWith('0000:05:00.');
    case 'PVHDomain':
      return domain?.type === 'pvh';
    default:
      return device !== undefined && usesOf(device).some(({ guard }) => guard === reason);
  }
}

function isInPlace(wish: Wish, facts: Facts): boolean {
  const { model, believed } = facts;
  const { entry, assignment, address } = wish;
  const device = model.dom0.present(address);
  if (device === undefined) return entry.whenMissing === 'Ignore';
  const domain = domainOf(wish, model);
  if (domain === undefined) return false;
  const sharers = believed.wishesFor(address).filter(other => other.entry !== entry);
  const holder = holderOf(model, address);
  if (domain.instance !== undefined) {
    return holder === domain && device.driver === PCIBACK && !isAnotherShown(device, holder, facts.shown);
  }
  if (holder !== undefined) return sharers.some(other => isFor(other.assignment, holder));
  if (sharers.length > 0) return true;
  return assignment.spec.whenStopped === 'Host' ? device.driver !== PCIBACK : device.driver === PCIBACK;
}

/** Whether the guest that has a device is known to have been given another card than the one that is there. */
function isAnotherShown(device: Device, holder: Domain | undefined, shown: Shown): boolean {
  return holder?.instance !== undefined && shown.tells(device, holder.instance.domid);
}

function placesText(wish: Wish, { model }: Facts): string {
  const device = model.dom0.devices.get(wish.address);
  const holder = holderOf(model, wish.address)?.name ?? 'no guest';
  const domain = domainOf(wish, model);
  const running = domain?.instance === undefined ? 'off' : `domain ${domain.instance.domid}`;
  return `${wish.address} is with ${holder}, driver ${device?.driver ?? 'none'}${
    device?.present === true ? '' : ', not there'
  }; ${domain?.name ?? 'its domain'} is ${domain === undefined ? 'not there' : running}`;
}

function domainOf({ assignment }: Wish, model: Model): Domain | undefined {
  const found = [...model.dom0.domains.values()].filter(domain => isFor(assignment, domain));
  return found.find(({ instance }) => instance !== undefined) ?? found[0];
}

/** The guest that has a device: by the hypervisor's books, and where they have none by xenstore, without what it let go of too late. */
function holderOf(model: Model, address: Address): Domain | undefined {
  const { devices, store, domains } = model.dom0;
  const holder = devices.get(address)?.holder;
  if (holder !== undefined) return model.dom0.byDomid(holder);
  return [...domains.values()].find(({ instance }) => {
    if (instance === undefined) return false;
    const index = listEntries(store, instance.domid).indexOf(address);
    return index !== -1 && !(isConnected(store, instance.domid) && isClosing(store, instance.domid, index));
  });
}

function isUnsettled(model: Model, { type, instance }: Domain): boolean {
  if (instance === undefined || type !== 'pv') return false;
  const { store } = model.dom0;
  const closing = listEntries(store, instance.domid).some((_, index) => isClosing(store, instance.domid, index));
  return closing || !isConnected(store, instance.domid);
}

function permissiveDiffers(wish: Wish, model: Model): boolean {
  const device = model.dom0.devices.get(wish.address);
  const domid = holderOf(model, wish.address)?.instance?.domid;
  if (device === undefined || domid === undefined || domid !== domainOf(wish, model)?.instance?.domid) return false;
  const index = listEntries(model.dom0.store, domid).indexOf(wish.address);
  const options = model.dom0.store.read(`/local/domain/0/backend/pci/${domid}/0/opts-${index}`) ?? '';
  return device.permissive !== wish.entry.permissive || options.includes('permissive=1') !== wish.entry.permissive;
}

/** The domains of which libvirt believes that they have the device. */
function believers({ dom0 }: Model, address: Address): Domain[] {
  return [...dom0.domains.values()].filter(({ instance }) => {
    return instance?.live.hostdevs.some(hostdev => hostdev.address === address) === true;
  });
}

/** How many devices are with a guest that no entry gives them to. */
function heldElsewhere({ model, believed }: Facts): number {
  return [...model.dom0.devices.keys()].filter(address => {
    const holder = holderOf(model, address);
    if (holder === undefined) return false;
    return !believed.wishesFor(address).some(({ assignment }) => isFor(assignment, holder));
  }).length;
}

function hasSuspended(believed: Believed): boolean {
  return believed.assignments().some(({ spec }) => spec.suspend);
}
