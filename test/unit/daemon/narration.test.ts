import { describe, expect, test } from 'vitest';
import type { ManifestProblem } from '../../../src/api/manifest.ts';
import type { AssignmentStatus, DeviceStatus, Status } from '../../../src/controller/status-types.ts';
import { jsonLog, textLog } from '../../../src/daemon/log.ts';
import { Narration } from '../../../src/daemon/narration.ts';
import type { BindStep } from '../../../src/plan/step.ts';
import { address } from '../../world.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const BIND: BindStep = { verb: 'bind', device: address('0000:03:00.0') };
const PROBLEM: ManifestProblem = {
  file: '/m/a.yaml',
  line: 3,
  column: 9,
  code: 'InvalidValue',
  field: 'spec.domain',
  message: 'is wrong',
  excerpt: '  domain: 1\n          ^',
};

function narration(): (report: Parameters<Narration['lines']>[0]) => string[] {
  const it = new Narration(() => NOW, 30_000);
  return report => it.lines(report).map(line => `${line.level} ${line.event}: ${line.message}`);
}

function status(devices: Partial<DeviceStatus>[], assignments: [string, 'True' | 'False', string][] = []): Status {
  return {
    observedAt: '',
    devices: devices.map(device => ({ address: BIND.device, steps: [], ...device })),
    assignments: assignments.map(
      ([name, ready, reason]): AssignmentStatus => ({
        name,
        domain: name,
        file: '/m/a.yaml',
        line: 1,
        devices: [],
        conditions: [
          { type: 'Ready', status: ready, reason, message: 'text', lastTransitionTime: '', observedGeneration: '' },
        ],
      }),
    ),
    problems: [],
  };
}

describe('Narration', () => {
  test('a sleep of the host, with what guests had', () => {
    const lines = narration();
    const given = Array.from({ length: 10 }, (_, n) => ({ device: address(`0000:0${n}:00.0`), domain: 'red' }));
    expect([
      ...lines({ type: 'HostSlept', sleptMs: 20_000, given: [] }),
      ...lines({ type: 'HostSlept', sleptMs: 28_800_000, given: given.slice(0, 2) }),
    ]).toEqual([
      'info HostSlept: the host has slept for 20 s',
      'warn HostSlept: the host has slept for 8 h; what drivers had set is lost in 0000:00:00.0 of red, 0000:01:00.0 of red',
    ]);
    expect(lines({ type: 'HostSlept', sleptMs: 20_000, given })[0]).toMatch(/0000:07:00.0 of red, 2 more$/);
  });

  test('a step: begun, done, done although, failed', () => {
    const lines = narration();
    expect([
      ...lines({ type: 'StepStarted', step: BIND, askedBy: [] }),
      ...lines({ type: 'StepPerformed', step: BIND, askedBy: [], durationMs: 420 }),
      ...lines({ type: 'StepPerformed', step: BIND, askedBy: [], durationMs: 12_000, note: 'it took hold although' }),
      ...lines({ type: 'StepFailed', step: BIND, askedBy: [], durationMs: 5, error: 'refused', retryAt: NOW + 2_000 }),
    ]).toEqual([
      'info StepStarted: bind 0000:03:00.0 to pciback',
      'info StepPerformed: bind 0000:03:00.0 to pciback (0.4 s)',
      'info StepPerformed: bind 0000:03:00.0 to pciback (12 s); it took hold although',
      'error StepFailed: bind 0000:03:00.0 to pciback: refused; next try in 2.0 s',
    ]);
  });

  test('a failed look is tried again at the latest with the next resync', () => {
    expect(narration()({ type: 'LookFailed', error: 'no socket', retryAt: NOW + 300_000 })).toEqual([
      'error LookFailed: cannot look at the host: no socket; no step is taken; next try in 30 s',
    ]);
  });

  test('objects for other hosts are told of once, and louder when none is for this one', () => {
    const lines = narration();
    const told = (objects: number, assignments: [string, 'True', string][]): string[] =>
      lines({
        type: 'StatusChanged',
        status: { ...status([], assignments), elsewhere: { objects, host: 'dom0-a' } },
      }).filter(line => line.includes('OtherHosts'));
    expect(told(2, [['red', 'True', 'InPlace']])).toEqual([
      'info OtherHosts: 2 objects are for other hosts than dom0-a',
    ]);
    expect(told(2, [['blue', 'True', 'InPlace']])).toEqual([]);
    expect(told(3, [])).toEqual([
      'warn OtherHosts: no assignment is for this host, dom0-a; 3 objects are for other hosts',
    ]);
    expect(lines({ type: 'StatusChanged', status: status([]) })).toEqual([]);
  });

  test('problems with their caret; many are cut short; their end is told', () => {
    const lines = narration();
    expect(lines({ type: 'ManifestProblems', problems: [PROBLEM] })).toEqual([
      'error ManifestProblem: /m/a.yaml:3:9: error InvalidValue: spec.domain: is wrong\n      domain: 1\n              ^',
    ]);
    const many = lines({ type: 'ManifestProblems', problems: Array.from({ length: 50 }, () => PROBLEM) });
    expect(many).toHaveLength(21);
    expect(many.at(-1)).toBe('error ManifestProblem: and 30 more: xenpci validate shows all');
    expect(lines({ type: 'ManifestProblems', problems: [] })).toEqual([
      'info ManifestsValid: all manifests are valid again',
    ]);
  });

  test('waits and divergence are told when they begin, change and end, and not in between', () => {
    const lines = narration();
    const wait = { kind: 'wait', reason: 'NeedsRestart', message: 'stop it', since: '', overdue: false } as const;
    const told = [
      status([{ wait, divergence: 'libvirt says otherwise' }]),
      status([{ wait, divergence: 'libvirt says otherwise' }]),
      status([{ wait: { ...wait, overdue: true } }]),
      status([{}]),
      status([{ wait: { ...wait, kind: 'guard', reason: 'NoReset' } }]),
      status([]),
    ].map(each => lines({ type: 'StatusChanged', status: each }));
    expect(told).toEqual([
      [
        'warn WaitBegan: 0000:03:00.0 waits: NeedsRestart: stop it',
        'warn Diverged: 0000:03:00.0: Diverged: libvirt says otherwise',
      ],
      [],
      [
        'warn WaitBegan: 0000:03:00.0 waits too long: NeedsRestart: stop it',
        'info DivergenceEnded: 0000:03:00.0: all views agree again',
      ],
      ['info WaitEnded: 0000:03:00.0 waits no longer (NeedsRestart)'],
      ['warn WaitBegan: 0000:03:00.0 is refused: NoReset: stop it'],
      ['info WaitEnded: 0000:03:00.0 waits no longer (NoReset)'],
    ]);
  });

  test('an assignment is told of when its readiness or the reason changes', () => {
    const lines = narration();
    const told = [
      status([], [['a', 'False', 'Progressing']]),
      status([], [['a', 'True', 'InPlace']]),
      status([], [['a', 'True', 'InPlace']]),
      status([], [['a', 'False', 'Conflict']]),
      status([], []),
    ].flatMap(each => lines({ type: 'StatusChanged', status: each }));
    expect(told).toEqual([
      'info NotReady: a is not in place yet',
      'info Ready: a is ready: text',
      'warn NotReady: a is not ready: Conflict: text',
      'info AssignmentGone: a is no longer in the manifests',
    ]);
  });
});

describe('logs', () => {
  const HOSTILE = 'refused\u001b[2J\u009b1m\n12:00:00 ✓ forged\u202e';
  const failed = new Narration(() => NOW, 30_000).lines({
    type: 'StepFailed',
    step: BIND,
    askedBy: [],
    durationMs: 5,
    error: HOSTILE,
    retryAt: NOW,
  });

  test('as text: no escape sequence, and no forged line', () => {
    const written: string[] = [];
    const log = textLog(
      { write: text => written.push(text) },
      { colour: false, columns: () => undefined, now: () => NOW },
    );
    for (const line of failed) log(line);
    const lines = written.join('').split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d ✗ bind 0000:03:00\.0 to pciback: refused/);
    expect(lines[1]).toMatch(/^ {4}12:00:00/);
    expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  test('as JSON: one object for each line, nothing lost, nothing a terminal would obey', () => {
    const written: string[] = [];
    const log = jsonLog({ write: text => written.push(text) });
    for (const line of failed) log(line);
    const text = written.join('');
    expect(text.trimEnd()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(JSON.parse(text)).toMatchObject({
      level: 'error',
      event: 'StepFailed',
      message: `bind 0000:03:00.0 to pciback: ${HOSTILE}; next try now`,
      step: BIND,
      durationMs: 5,
      error: HOSTILE,
    });
  });
});
