import { describe, expect, test } from 'vitest';
import type { Report } from '../../../src/controller/report.ts';
import type { Status, WaitStatus } from '../../../src/controller/status-types.ts';
import { refText } from '../../../src/daemon/events/event.ts';
import { jsonLog } from '../../../src/daemon/log.ts';
import { Narration } from '../../../src/daemon/narration.ts';
import { address } from '../../world.ts';

const NIC = address('0000:03:00.0');
const NOW = Date.UTC(2026, 10, 24, 12);
const ASKER = { assignment: 'web', entry: 'lan', file: '/m/web.yaml', line: 9, hash: '0123456789abcdef' };
const WAIT: WaitStatus = {
  kind: 'wait',
  reason: 'NeedsRestart',
  message: 'red was started without PCI passthrough',
  since: '2026-11-24T12:00:00.000Z',
  overdue: false,
};

/** The events of these reports: type, action, reason, what they are about, and their note. */
function told(...reports: Report[]): string[] {
  const narration = new Narration(() => NOW, 30_000);
  return reports.flatMap(report =>
    narration.lines(report).flatMap(({ happening }) => {
      if (happening === undefined) return [];
      const { type, action, reason, regarding, related, note } = happening;
      return [`${type} ${action} ${reason} ${[regarding, ...related].map(refText).join(' ')}: ${note}`];
    }),
  );
}

function changed(wait?: WaitStatus, divergence?: string): Report {
  const device = {
    address: NIC,
    assignment: 'web',
    steps: [],
    ...(wait && { wait }),
    ...(divergence && { divergence }),
  };
  const status: Status = { observedAt: '', assignments: [], devices: [device], problems: [] };
  return { type: 'StatusChanged', status };
}

describe('the events of a narration', () => {
  test('a failed step has no time of its next try in its note, so that a repeat is known as one', () => {
    const step = { verb: 'bind', device: NIC } as const;
    const failed = { type: 'StepFailed', step, askedBy: [ASKER], durationMs: 5, error: 'refused' } as const;
    expect(told({ ...failed, retryAt: NOW + 1000 })).toEqual(told({ ...failed, retryAt: NOW + 64_000 }));
    expect(told({ type: 'StepStarted', step, askedBy: [ASKER] }, { ...failed, retryAt: NOW })).toEqual([
      'Warning Bind StepFailed device/0000:03:00.0 assignment/web: bind 0000:03:00.0 to pciback: refused',
    ]);
  });

  test('a wait that begins and ends, and views that disagree', () => {
    expect(told(changed(WAIT), changed(WAIT), changed(), changed(undefined, 'xenstore says red'), changed())).toEqual([
      'Warning Wait NeedsRestart device/0000:03:00.0 assignment/web: 0000:03:00.0 waits: NeedsRestart: red was started without PCI passthrough',
      'Normal Wait WaitEnded device/0000:03:00.0 assignment/web: 0000:03:00.0 waits no longer (NeedsRestart)',
      'Warning Look Diverged device/0000:03:00.0 assignment/web: 0000:03:00.0: Diverged: xenstore says red',
      'Normal Look DivergenceEnded device/0000:03:00.0 assignment/web: 0000:03:00.0: all views agree again',
    ]);
  });

  test('a problem of a manifest, by its code and place', () => {
    const problem = { file: '/m/a.yaml', line: 3, column: 9, field: 'spec.domain', message: 'is wrong', excerpt: '' };
    expect(told({ type: 'ManifestProblems', problems: [{ ...problem, code: 'InvalidValue' }] })).toEqual([
      'Warning Read InvalidValue manifest//m/a.yaml: /m/a.yaml:3:9: spec.domain: is wrong',
    ]);
  });

  test('a line of the log has them as fields, with who asked for the step', () => {
    const out: string[] = [];
    const log = jsonLog({ write: text => out.push(text) });
    const step = { verb: 'release', device: NIC } as const;
    const gone = { assignment: 'web', entry: 'lan' };
    const report: Report = { type: 'StepPerformed', step, askedBy: [gone], durationMs: 5 };
    for (const line of new Narration(() => NOW, 30_000).lines(report)) log(line);
    expect(JSON.parse(out.join(''))).toMatchObject({
      event: 'StepPerformed',
      action: 'Release',
      reason: 'StepPerformed',
      regarding: 'device/0000:03:00.0',
      askedBy: [gone],
    });
  });
});
