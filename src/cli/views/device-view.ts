import { IDENTITY_FIELDS, type Identity } from '../../api/identity.ts';
import type { BystanderStatus, DeviceStatus } from '../../controller/status-types.ts';
import type { ResolvedEntry } from '../../plan/claims.ts';
import { type ObservedDevice, placeText } from '../../plan/observed.ts';
import type { Survey } from '../looks/survey.ts';
import type { Screen } from '../terminal/screen.ts';
import { tone } from '../terminal/table.ts';
import { guardsOf } from './guards-of.ts';
import { nextFor } from './next.ts';
import { viewsOf } from './objects.ts';
import { deviceReadiness, entryOf, isOrphaned, ORPHAN_TEXT, readyCell } from './readiness.ts';
import { isIdle, showPending } from './waits.ts';

/** Explains one device: what it is, who has it in each view, and what is to become of it. */
export function showDevice(screen: Screen, look: Survey, device: ObservedDevice): void {
  showHardware(screen, device);
  screen.line();
  showViews(screen, look, device);
  screen.line();
  showGuards(screen, look, device);
  showIntent(screen, look, device);
}

function showGuards(screen: Screen, look: Survey, device: ObservedDevice): void {
  const lines = guardsOf(look, device).map(({ reason, message, off }) =>
    off ? tone(`${reason} (switched off): ${message}`, 'faint') : `${reason}: ${message}`,
  );
  screen.field('Guards', ...lines);
}

function showHardware(screen: Screen, { address, identity, text, path, resetMethods }: ObservedDevice): void {
  screen.field('Device', address);
  screen.field('Is', [text.vendor, text.device].filter(part => part !== '').join(' '));
  screen.field('Subsystem', text.subsystem);
  screen.field('Class', text.class);
  screen.field('Identity', ...identityLines(identity));
  screen.field('Path', path);
  screen.field('Reset', resetMethods.join(', '));
}

/** The card, and below it its subsystem. */
function identityLines(identity: Identity): string[] {
  const parts = IDENTITY_FIELDS.filter(field => identity[field] !== undefined);
  const text = (ofSubsystem: boolean): string =>
    parts
      .filter(field => field.startsWith('subsystem') === ofSubsystem)
      .map(field => `${field} ${identity[field]}`)
      .join(', ');
  return [text(false), text(true)].filter(line => line !== '');
}

function showViews(screen: Screen, look: Survey, device: ObservedDevice): void {
  const { place, present, driver, homeDriver, permissive, divergence, guestAddress } = device;
  const { live, stored } = viewsOf(look, device);
  const home = homeDriver === undefined || homeDriver === driver ? '' : ` (in dom0 before: ${homeDriver})`;
  screen.field('Place', present ? placeText(place) : tone('vanished from the bus', 'bad'));
  const there = guestAddress === undefined ? '' : `, which sees it at ${guestAddress}`;
  screen.field(
    'xenstore',
    place.at === 'guest' ? `${place.domain} (domain id ${place.domid})${there}` : 'no guest has it',
  );
  screen.field('libvirt live', live.join(', '));
  screen.field('libvirt stored', stored.join(', '));
  screen.field('Driver', driver === undefined ? undefined : `${driver}${home}`);
  if (permissive !== undefined) screen.field('Permissive', permissive ? 'yes' : 'no');
  if (divergence !== undefined) screen.field('Diverged', tone(divergence, 'bad'));
}

function showIntent(screen: Screen, look: Survey, device: ObservedDevice): void {
  const { address } = device;
  const status = look.status.devices.find(found => found.address === address);
  const readiness = deviceReadiness(look, address);
  screen.field('Assignment', ...namedBy(look, address, status));
  screen.field('Wanted', status?.want === undefined ? undefined : placeText(status.want));
  screen.field('Ready', readyCell(readiness?.ready));
  if (isOrphaned(look, device)) screen.field('Orphan', ORPHAN_TEXT);
  if (status !== undefined && isIdle(status) && readiness !== undefined) {
    screen.field('Reason', `${readiness.reason}: ${readiness.message}`);
  }
  showPending(screen, look, status);
  screen.field('Next', nextFor(look, address));
}

function namedBy(look: Survey, address: string, status: DeviceStatus | undefined): string[] {
  const entry = entryOf(look, address);
  if (entry !== undefined) return [entryText(entry), ...(status?.others ?? []).map(other => otherText(look, other))];
  const held = [...look.inventory.values()].find(record => record.address === address);
  if (status?.assignment !== undefined) return [`${status.assignment} (its last good content)`];
  if (held !== undefined && status?.wait?.reason !== 'Conflict') {
    return [`none any more: ${held.assignment}, entry ${held.entry}, had it (deletionPolicy: ${held.deletionPolicy})`];
  }
  return look.plan.entries.filter(({ claims }) => claims.some(claim => claim.address === address)).map(entryText);
}

function otherText({ plan }: Survey, { assignment, entry, wait }: BystanderStatus): string {
  const found = plan.entries.find(item => {
    return item.assignment.assignment.metadata.name === assignment && item.entry.name === entry;
  });
  const named = found === undefined ? `${assignment}, entry ${entry}` : entryText(found);
  return `shared with ${named}, ${wait === undefined ? 'which is off' : `which waits: ${wait.reason}`}`;
}

function entryText({ assignment, entry, origin }: ResolvedEntry): string {
  return `${assignment.assignment.metadata.name}, entry ${entry.name} (${origin.file}:${origin.line})`;
}
