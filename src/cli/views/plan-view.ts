import type { Claim } from '../../plan/claims.ts';
import type { DevicePlan } from '../../plan/device-plan.ts';
import { findDomain } from '../../plan/domains.ts';
import type { Hold } from '../../plan/hold.ts';
import { placeText } from '../../plan/observed.ts';
import { planSteps } from '../../plan/plan.ts';
import { type ConfigureStep, stepText } from '../../plan/step.ts';
import type { Survey } from '../looks/survey.ts';
import type { Screen } from '../terminal/screen.ts';
import { tone } from '../terminal/table.ts';
import { elsewhereText } from './elsewhere.ts';
import { stepLines } from './waits.ts';

/** Shows what would be done and why, and what waits or is refused; what is in place already is only counted. */
export function showPlan(screen: Screen, look: Survey): void {
  const { plan } = look;
  for (const step of plan.configures.values()) showConfigure(screen, look, step);
  for (const device of plan.devices.values()) {
    if (device.steps.length > 0 || holdsOf(device).length > 0) showDevice(screen, look, device);
  }
  for (const { assignment, entry, origin, hold } of plan.entries) {
    if (hold === undefined) continue;
    screen.line(`${assignment.assignment.metadata.name}, entry ${entry.name}`);
    screen.field('  because', `it is written in ${origin.file}:${origin.line}`);
    screen.field('  waits', `${hold.reason}: ${hold.message}`);
    screen.line();
  }
  screen.line(summary(look));
  if (look.source.elsewhere !== undefined) screen.line(elsewhereText(look.source.elsewhere));
}

function showConfigure(screen: Screen, look: Survey, step: ConfigureStep): void {
  const { source, observed } = look;
  const asking = source.assignments.filter(
    ({ assignment }) => findDomain(observed, assignment.spec.domain)?.uuid === step.domain.uuid,
  );
  screen.line(`domain ${step.domain.name}`);
  screen.field('  because', ...(asking.length === 0 ? ['no entry names these devices any more'] : asking.map(asked)));
  screen.field('  steps', ...stepLines([stepText(step)]));
  screen.line();
}

function asked({ assignment, origin }: Survey['source']['assignments'][number]): string {
  return `assignment ${assignment.metadata.name} is for it (${origin.file}:${origin.line})`;
}

function showDevice(screen: Screen, look: Survey, device: DevicePlan): void {
  const { address, claims, others, have, want, hold } = device;
  const observed = look.observed.devices.get(address);
  const text = [observed?.text.vendor, observed?.text.device].filter(part => part).join(' ');
  screen.line(text === '' ? address : `${address}  ${text}`);
  const reasons = claims.length === 0 ? [formerReason(look, address)] : claims.map(claimReason);
  screen.field('  because', ...reasons);
  for (const { hold: own } of others) {
    if (own?.reason === 'SharedInUse') screen.field('  in turn', `${own.reason}: ${own.message}`);
  }
  const driver = observed?.driver === undefined ? 'no driver' : `driver ${observed.driver}`;
  screen.field('  is', have === undefined ? 'not on this host' : `${placeText(have)} (${driver})`);
  if (want !== undefined) screen.field('  should be', placeText(want));
  if (hold !== undefined) {
    const label = hold.kind === 'guard' ? '  refused' : '  waits';
    screen.field(label, tone(`${hold.reason}: ${hold.message}`, hold.kind === 'guard' ? 'bad' : 'plain'));
  }
  if (observed?.divergence !== undefined) screen.field('  diverged', tone(observed.divergence, 'bad'));
  showSteps(screen, device);
  screen.line();
}

function showSteps(screen: Screen, { steps, afterApproval = [] }: DevicePlan): void {
  if (steps.length > 0) screen.field('  steps', ...stepLines(steps.map(stepText)));
  if (afterApproval.length > 0) screen.field('  once approved', ...stepLines(afterApproval.map(stepText)));
}

/** What keeps those who name a device from it. In a conflict it is one and the same for all. */
function holdsOf({ hold, others }: DevicePlan): Hold[] {
  const turns = others.flatMap(other => (other.hold?.reason === 'SharedInUse' ? [other.hold] : []));
  return [...(hold === undefined ? [] : [hold]), ...turns];
}

function claimReason({ assignment, entry, origin }: Claim): string {
  const { metadata, spec } = assignment.assignment;
  const domain = 'uuid' in spec.domain ? spec.domain.uuid : spec.domain.name;
  return `${metadata.name}/${entry.name} wants it for ${domain} (${origin.file}:${origin.line})`;
}

function formerReason({ inventory }: Survey, address: string): string {
  const held = [...inventory.values()].find(record => record.address === address);
  if (held === undefined) return 'nobody names it';
  return `${held.assignment}/${held.entry} names it no longer (deletionPolicy: ${held.deletionPolicy})`;
}

function summary({ plan, source }: Survey): string {
  const steps = planSteps(plan).length;
  const devices = [...plan.devices.values()];
  const holds = [...devices.flatMap(holdsOf), ...plan.entries.flatMap(item => item.hold ?? [])];
  const waiting = holds.filter(hold => hold.kind === 'wait').length;
  const refused = holds.length - waiting;
  const inPlace = devices.filter(device => device.hold === undefined && device.steps.length === 0).length;
  const parts = [
    `${counted(source.assignments.length, 'assignment')}: ${steps === 0 ? 'nothing to do' : counted(steps, 'step')}`,
    ...(inPlace === 0 ? [] : [`${inPlace} in place`]),
    ...(waiting === 0 ? [] : [`${waiting} waiting`]),
    ...(refused === 0 ? [] : [`${refused} refused`]),
  ];
  return `${parts.join(', ')}.`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
