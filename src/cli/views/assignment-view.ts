import { type AssignmentStatus, asSeenBy, type DeviceStatus } from '../../controller/status-types.ts';
import { findDomain } from '../../plan/domains.ts';
import { type ObservedDomain, placeText } from '../../plan/observed.ts';
import { stepText } from '../../plan/step.ts';
import { suspendedHold } from '../../plan/suspended.ts';
import type { Survey } from '../looks/survey.ts';
import type { Screen } from '../terminal/screen.ts';
import type { CellInput } from '../terminal/table.ts';
import { ageText } from '../terminal/times.ts';
import { nextForAssignment, nextForPending } from './next.ts';
import { entryOf, readinessOf, readyCell } from './readiness.ts';
import { isIdle, showPending, stepLines } from './waits.ts';

/** Explains one assignment: what it asks for, its conditions, and for each device what is to become of it. */
export function showAssignment(screen: Screen, look: Survey, assignment: AssignmentStatus): void {
  showSpec(screen, look, assignment);
  showConditions(screen, look, assignment);
  const told = showDevices(screen, look, assignment);
  if (told) return;
  screen.line();
  screen.field('Next', nextForAssignment(assignment));
}

function showSpec(screen: Screen, look: Survey, { name, domain, file, line }: AssignmentStatus): void {
  screen.field('Assignment', name);
  screen.field('File', `${file}:${line}`);
  const spec = look.source.assignments.find(found => found.assignment.metadata.name === name)?.assignment.spec;
  if (spec === undefined) {
    screen.field('Domain', domain);
    screen.field('Content', 'the file is not valid now; the controller keeps to its last good content');
    return;
  }
  const { updatePolicy, whenStopped, deletionPolicy, driftPolicy, suspend } = spec;
  const found = findDomain(look.observed, spec.domain);
  const id = found?.domid === undefined ? '' : `, domain id ${found.domid}`;
  screen.field('Domain', `${domain} (${stateOf(found)}${id})`);
  screen.field(
    'Policies',
    `updatePolicy ${updatePolicy}, whenStopped ${whenStopped},`,
    `deletionPolicy ${deletionPolicy}, driftPolicy ${driftPolicy}`,
  );
  screen.field('Start hook', ...hookLines(look.observed.hookInForce === true, whenStopped));
  screen.field('Suspended', suspend ? (suspendedHold(name, look.source)?.message ?? 'yes') : 'no');
  const step = found === undefined ? undefined : look.plan.configures.get(found.uuid);
  if (step !== undefined) screen.field('Steps', ...stepLines([stepText(step)]));
}

function stateOf(domain: ObservedDomain | undefined): string {
  if (domain === undefined) return 'not found';
  if (domain.asleep === true) return 'asleep';
  return domain.crashed === true ? 'crashed, and kept as it was' : STATES[domain.state];
}

const STATES: Readonly<Record<ObservedDomain['state'], string>> = {
  running: 'running',
  paused: 'paused',
  changing: 'starting or stopping',
  shutoff: 'shut off',
};

/** libvirtd calls only hooks that were there when it started, so the proof is that it has called ours. */
function hookLines(isInForce: boolean, whenStopped: 'Assignable' | 'Host'): string[] {
  if (isInForce) return ['in force: libvirtd calls xenpci before it starts a domain'];
  const unknown = 'not in force: libvirtd has not called xenpci since it started';
  return whenStopped === 'Host' ? [unknown, 'so the devices are attached after the start'] : [unknown];
}

function showConditions(screen: Screen, look: Survey, { conditions }: AssignmentStatus): void {
  screen.section('Conditions');
  for (const { type, status, reason, message, lastTransitionTime } of conditions) {
    const age = look.controller === undefined ? '' : ` for ${ageText(lastTransitionTime, look.now)}`;
    screen.line(`  ${type} ${status}${age}: ${reason}: ${message}`);
  }
}

/** @returns whether it has said of a device what is next. */
function showDevices(screen: Screen, look: Survey, assignment: AssignmentStatus): boolean {
  screen.section('Devices');
  screen.table(
    ['ENTRY', 'ADDRESS', 'PLACE', 'READY', 'REASON'],
    assignment.devices.map(device => deviceRow(look, assignment.name, device)),
  );
  let told = false;
  for (const { entry, address } of assignment.devices) {
    const status = seenBy(look, assignment.name, entry, address);
    if (address === undefined || status === undefined || isIdle(status)) continue;
    screen.line();
    screen.field('Device', address);
    showPending(screen, look, status);
    screen.field('Next', nextForPending(look, status));
    told = true;
  }
  return told;
}

function deviceRow(
  look: Survey,
  name: string,
  { entry, address, ready }: AssignmentStatus['devices'][number],
): CellInput[] {
  if (address === undefined) {
    const item = look.plan.entries.find(
      found => found.assignment.assignment.metadata.name === name && found.entry.name === entry,
    );
    return [entry, undefined, undefined, readyCell(ready), item?.hold?.reason];
  }
  const seen = seenBy(look, name, entry, address);
  const place = seen?.have;
  const reason = seen && readinessOf(seen, entryOf(look, address)?.entry.whenMissing ?? 'Fail').reason;
  return [entry, address, place === undefined ? undefined : placeText(place), readyCell(ready), reason];
}

function seenBy(look: Survey, name: string, entry: string, address: string | undefined): DeviceStatus | undefined {
  const status = look.status.devices.find(found => found.address === address);
  return status && asSeenBy(status, name, entry);
}
