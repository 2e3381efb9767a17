import type { Look } from '../../src/controller/look.ts';
import { computeStatus } from '../../src/controller/status.ts';
import { plan } from '../../src/plan/plan.ts';
import { assignment, device, domain, entry, held, observed, source } from '../world.ts';

const NOW = 1_790_000_000_000;

/** A look at a host with devices in every place, names that a terminal or a page must not obey among them. */
export function sampleLook(): Look {
  const hostile = 'a\u001b[2J<b>&"\u009b\u202ex';
  const seen = observed(
    [
      device('0000:01:00.0', { at: 'guest', domid: 7, domain: 'red' }),
      device('0000:02:00.0', { at: 'assignable' }),
      device('0000:03:00.0', { at: 'host' }, { text: { vendor: hostile, device: hostile, subsystem: '', class: '' } }),
    ],
    [domain('red', { domid: 7 }), domain('blue'), domain(hostile, { domid: 9 })],
  );
  const desired = source([
    assignment('red', 'red', [entry('lan', '0000:01:00.0')]),
    assignment('blue', 'blue', [entry('disk', '0000:02:00.0'), entry('gone', '0000:99:00.0')]),
  ]);
  const inventory = new Map([held('0000:01:00.0')].map(each => [each.address, each]));
  const decided = plan(seen, desired, inventory);
  const parts = { plan: decided, observed: seen, source: desired, failure: () => undefined, open: [], now: NOW };
  return {
    observed: seen,
    source: desired,
    inventory,
    approvals: [],
    failures: new Map(),
    plan: decided,
    status: computeStatus(parts),
    now: NOW,
  };
}
