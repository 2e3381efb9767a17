import type { HostIdentity } from '../../api/hosts.ts';
import type { Dom0Layout } from '../../api/layout.ts';
import type { Failure } from '../../controller/backoff.ts';
import type { Look } from '../../controller/look.ts';
import { messageOf } from '../../controller/message-of.ts';
import type { Host, Source } from '../../controller/ports.ts';
import { DEFAULT_OPTIONS } from '../../controller/reconciler.ts';
import { computeStatus } from '../../controller/status.ts';
import type { Status } from '../../controller/status-types.ts';
import { ApprovalFile } from '../../daemon/approval-file.ts';
import { GivenFile } from '../../daemon/given-file.ts';
import { InventoryFile } from '../../daemon/inventory-file.ts';
import { LastGoodFile, readOnly } from '../../daemon/last-good-file.ts';
import { type LiveStatus, readLiveStatus } from '../../daemon/status-file.ts';
import { SuspendingSource } from '../../daemon/suspending-source.ts';
import { SuspensionFile } from '../../daemon/suspension-file.ts';
import { trialOverlays } from '../../daemon/trial/trial-overlay.ts';
import { createHost, detectXen, thisHost } from '../../host/index.ts';
import { inForce } from '../../plan/approval.ts';
import { withPutBack } from '../../plan/given.ts';
import type { Observed } from '../../plan/observed.ts';
import { plan } from '../../plan/plan.ts';
import { standingOf } from '../../plan/standing.ts';
import { FolderSource } from '../../source/folder-source.ts';
import { type Overlay, withOverlay } from '../../source/overlay.ts';
import type { Globals } from '../context.ts';
import { CliError } from '../exit.ts';
import { trustOf } from '../trusted.ts';
import { byName } from './by-name.ts';

export { LOOKING } from './looking.ts';

/** A look that touches nothing; its status has the times that a running controller knows. */
export interface Survey extends Look {
  readonly globals: Globals;
  /** The process id of the controller that runs on this host, if one does. */
  readonly controller: number | undefined;
}

/**
 * Looks once at the host, the manifests and the record, and plans. Takes no lock and writes nothing. Where a controller
 * runs, the manifests are those that it works by, unless others were asked for.
 *
 * @throws {CliError} when a part cannot be read.
 */
export async function survey(asked: Globals): Promise<Survey> {
  const lookout = await openLookout(asked);
  try {
    return await lookout.survey();
  } finally {
    await lookout.close();
  }
}

/** A host and its manifests, open for many looks. */
export interface Lookout {
  /** As `survey`. @throws {CliError} */
  survey(): Promise<Survey>;
  /** Calls `hint` whenever another look may show something else. @returns a function that ends it. */
  onHint(hint: () => void): () => void;
  close(): Promise<void>;
}

/** The options with the manifests that a running controller works by, unless others were asked for. */
export async function manifestsInForce(asked: Globals): Promise<Globals> {
  const live = asked.manifestsGiven ? undefined : await readLiveStatus(asked.layout);
  return live === undefined ? asked : { ...asked, manifests: live.manifests };
}

/**
 * Opens what `survey` looks at.
 * @param overlay a file of the folder, and what to read instead of its content.
 * @throws {CliError}
 */
export async function openLookout(asked: Globals, overlay?: Overlay): Promise<Lookout> {
  const globals = await manifestsInForce(asked);
  const { layout, manifests: folder } = globals;
  const lastGood = readOnly(new LastGoodFile(layout));
  const overlays = withOverlay(trialOverlays(layout, folder), overlay);
  const written = new FolderSource({ folder, host: await hostOf(layout), lastGood, overlays, ...trustOf(layout) });
  const source = new SuspendingSource(written, new SuspensionFile(layout));
  const host = createHost(layout);
  return {
    survey: async () => surveyOf(globals, host, source, await readLiveStatus(layout)),
    onHint(hint) {
      const ends = [host.onHint(hint), source.onHint(hint)];
      return () => {
        for (const end of ends) end();
      };
    },
    async close() {
      await Promise.all([host.close(), source.close()]);
    },
  };
}

/** As `survey`, with a host and a source that are open already. */
export async function surveyOf(globals: Globals, host: Host, source: Source, live?: LiveStatus): Promise<Survey> {
  // Manifests are read while the host answers: neither depends on the other.
  const [seen, snapshot] = await both(observe(globals, host), source.read());
  const given = await new GivenFile(globals.layout).load().catch((cause: unknown) => {
    throw new CliError(messageOf(cause), { cause });
  });
  const observed = withPutBack(seen, given);
  const inventory = await new InventoryFile(globals.layout).load().catch((cause: unknown) => {
    throw new CliError(messageOf(cause), { cause });
  });
  // What cannot be read approves nothing: the controller says so, and the next approval replaces it.
  const approvals = await new ApprovalFile(globals.layout).load().catch(() => []);
  return conclude({ globals, observed, source: snapshot, inventory, approvals, now: Date.now() }, live);
}

/** The results of both. Where one fails the other is waited for, so that nothing is closed under it; the first is told of first. */
async function both<First, Second>(first: Promise<First>, second: Promise<Second>): Promise<[First, Second]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}

/** What follows from one look. Pure. */
export function conclude(look: Omit<Survey, 'plan' | 'status' | 'controller' | 'failures'>, live?: LiveStatus): Survey {
  const { observed, source, inventory, now } = look;
  const approvals = inForce(look.approvals, now);
  const failed = live?.status.devices.filter(device => device.failure !== undefined) ?? [];
  const failures = new Map(failed.map(({ address, failure }) => [address, failure?.count ?? 0]));
  const decided = plan(observed, source, inventory, standingOf(approvals, failures));
  const fresh = computeStatus({
    plan: decided,
    observed,
    source,
    ...(live === undefined ? {} : { previous: live.status }),
    failure: key => failureOf(live?.status, key),
    open: [],
    now,
  });
  return { ...look, approvals, failures, plan: decided, status: byName(fresh), controller: live?.writer.pid };
}

/** Who the host is. @throws {CliError} when that cannot be read. */
export async function hostOf(layout: Dom0Layout): Promise<HostIdentity> {
  return thisHost(layout).catch((cause: unknown) => {
    throw new CliError(messageOf(cause), { cause });
  });
}

async function observe({ layout }: Globals, host: Host): Promise<Observed> {
  try {
    return await host.observe(AbortSignal.timeout(DEFAULT_OPTIONS.lookDeadlineMs));
  } catch (cause) {
    const xen = await detectXen(layout).catch(() => false);
    const advice = xen ? '' : '\nThis is no Xen dom0. To see xenpci work without Xen: xenpci run --host simulated';
    throw new CliError(`cannot look at the host: ${messageOf(cause)}${advice}`, { cause });
  }
}

function failureOf(status: Status | undefined, key: string): Failure | undefined {
  const failure = status?.devices.find(device => device.address === key)?.failure;
  if (failure === undefined) return undefined;
  const { count, error, since, nextTry } = failure;
  return { count, error, since: Date.parse(since), until: Date.parse(nextTry) };
}
