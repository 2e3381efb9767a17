import { hostname } from 'node:os';
import type { AssignmentStatus } from '../../controller/status-types.ts';
import { readyOf } from '../../daemon/narration.ts';
import type { PageDevice, PageDomain, PageEvent, PageState, Tone } from '../../daemon/page/state.ts';
import { findDomain } from '../../plan/domains.ts';
import { type ObservedDevice, type ObservedDomain, type Place, placeText } from '../../plan/observed.ts';
import { formatProblem } from '../../source/problem.ts';
import type { Survey } from '../looks/survey.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';
import { VERSION_TEXT } from '../version.ts';
import { showAssignment } from '../views/assignment-view.ts';
import { showDevice } from '../views/device-view.ts';
import { deviceReadiness, isOrphaned } from '../views/readiness.ts';

/** What the page shows beside a look. */
export interface PageExtras {
  /** The latest first. */
  readonly events: readonly PageEvent[];
  readonly simulated: boolean;
  readonly shell: Shell;
}

/** What the page shows of a look. */
export function pageState(look: Survey, { events, simulated, shell }: PageExtras): PageState {
  const { observed, status } = look;
  const devices = [...observed.devices.values()];
  const bridges = new Map<string, string>(devices.map(({ path, address }) => [path, address]));
  const shown = devices.map(device => pageDevice(look, device, bridges, shell));
  return {
    host: hostname(),
    at: status.observedAt,
    simulated,
    version: VERSION_TEXT,
    devices: shown,
    domains: observed.domains.map(domain => pageDomain(look, domain, shown, shell)),
    events,
    problems: status.problems.map(problem => formatProblem(problem)),
  };
}

function pageDevice(
  look: Survey,
  device: ObservedDevice,
  bridges: ReadonlyMap<string, string>,
  shell: Shell,
): PageDevice {
  const { address, path, text, place } = device;
  const parent = bridges.get(path.slice(0, Math.max(0, path.lastIndexOf('/'))));
  const reason = reasonOf(look, device);
  const holder = domainAt(look, place);
  return {
    address,
    name: [text.vendor, text.device].filter(part => part !== '').join(' '),
    kind: text.class,
    tone: deviceTone(look, device),
    place: placeText(place),
    claimants: claimantsOf(look, address),
    story: told(shell, screen => showDevice(screen, look, device)),
    ...(parent === undefined ? {} : { parent }),
    ...(reason === undefined ? {} : { reason }),
    ...(holder === undefined ? {} : { holder }),
  };
}

function deviceTone(look: Survey, { address }: ObservedDevice): Tone {
  const readiness = deviceReadiness(look, address);
  if (readiness === undefined) return 'idle';
  if (readiness.ready) return 'ready';
  const status = look.status.devices.find(found => found.address === address);
  if (status?.failure !== undefined) return 'failed';
  return status?.wait?.kind === 'guard' ? 'refused' : 'waiting';
}

function reasonOf(look: Survey, device: ObservedDevice): string | undefined {
  if (device.divergence !== undefined) return 'Diverged';
  if (isOrphaned(look, device)) return 'Orphan';
  const readiness = deviceReadiness(look, device.address);
  return readiness === undefined || readiness.ready ? undefined : readiness.reason;
}

function domainAt({ observed }: Survey, place: Place): string | undefined {
  if (place.at !== 'guest') return undefined;
  return observed.domains.find(({ domid }) => domid === place.domid)?.uuid;
}

/** Each once, in the order of the manifests. */
function claimantsOf({ plan, observed }: Survey, address: ObservedDevice['address']): string[] {
  const claims = plan.devices.get(address)?.claims ?? [];
  const uuids = claims.flatMap(claim => findDomain(observed, claim.assignment.assignment.spec.domain)?.uuid ?? []);
  return [...new Set(uuids)];
}

function pageDomain(look: Survey, domain: ObservedDomain, devices: readonly PageDevice[], shell: Shell): PageDomain {
  const { uuid, name, state, domid, type, toolstack } = domain;
  const assignments = look.status.assignments.filter(assignment => isFor(look, assignment, domain));
  const stateText = state === 'shutoff' ? 'shut off' : `${state}${domid === undefined ? '' : ` as domain ${domid}`}`;
  const facts = `${name}: ${type.toUpperCase()} domain of ${toolstack}, ${stateText}, UUID ${uuid || 'unknown'}`;
  const stories = assignments.map(assignment => told(shell, screen => showAssignment(screen, look, assignment)));
  const wanted = devices.filter(({ claimants }) => claimants.includes(uuid));
  const reason = assignments.map(readyOf).find(ready => ready?.status !== 'True')?.reason;
  return {
    uuid: uuid || name,
    name,
    state: stateText,
    tone: domainTone(assignments, wanted),
    assignments: assignments.map(assignment => assignment.name),
    ...(reason === undefined ? {} : { reason }),
    story: [facts, ...(stories.length === 0 ? ['No assignment names it.'] : stories)].join('\n\n'),
  };
}

function isFor(look: Survey, { name }: AssignmentStatus, domain: ObservedDomain): boolean {
  const sourced = look.source.assignments.find(({ assignment }) => assignment.metadata.name === name);
  return sourced !== undefined && findDomain(look.observed, sourced.assignment.spec.domain)?.uuid === domain.uuid;
}

/** What stalls because a device is refused is not what has failed: it is refused, as the device is. */
function domainTone(assignments: readonly AssignmentStatus[], wanted: readonly PageDevice[]): Tone {
  if (assignments.length === 0) return 'idle';
  if (assignments.some(({ conditions }) => conditions.some(({ type }) => type === 'Stalled'))) {
    const isOnlyRefused =
      wanted.some(({ tone }) => tone === 'refused') && wanted.every(({ tone }) => tone !== 'failed');
    return isOnlyRefused ? 'refused' : 'failed';
  }
  return assignments.every(assignment => readyOf(assignment)?.status === 'True') ? 'ready' : 'waiting';
}

/** What a command would write to a file. */
function told(shell: Shell, show: (screen: Screen) => void): string {
  const written: string[] = [];
  show(new Screen({ write: text => void written.push(text), isTerminal: false, columns: undefined }, shell));
  return written.join('').trimEnd();
}
