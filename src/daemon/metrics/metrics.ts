import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Look, Pass } from '../../controller/look.ts';
import type { Report } from '../../controller/report.ts';
import { isReconnect } from '../../host/hints.ts';
import { readyOf } from '../narration.ts';

/** Seconds: a bind takes a tenth, a guest that does not let go some 20, and a step has 180. */
const STEP_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 180];
const PASS_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * What Prometheus is told (https://prometheus.io/docs/practices/naming/). Every label has a value that is written in the
 * code, never a name of a domain, a file or a device: so their number is bounded, and nothing hostile is among them.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #devices = this.#gauge('xenpci_devices', 'PCI functions of the host by where they are.', ['place']);
  readonly #assignments = this.#gauge('xenpci_assignments', 'Assignments by condition Ready and its reason.', [
    'ready',
    'reason',
  ]);
  readonly #waits = this.#gauge('xenpci_waits', 'Devices that wait or are refused.', ['kind', 'reason']);
  readonly #overdue = this.#gauge('xenpci_waits_overdue', 'Devices that wait for longer than they should.', []);
  readonly #diverged = this.#gauge('xenpci_devices_diverged', 'Devices about which the views disagree.', []);
  readonly #problems = this.#gauge('xenpci_manifest_problems', 'What is wrong with the manifests, by code.', ['code']);
  readonly #backingOff = this.#gauge('xenpci_backoffs', 'What failed and waits for its next try.', []);
  readonly #lastFull = this.#gauge('xenpci_last_full_pass_timestamp_seconds', 'When the host was last looked at.', []);
  readonly #steps = this.#counter('xenpci_steps_total', 'Steps that have ended, by what the next look showed.', [
    'verb',
    'result',
  ]);
  readonly #passes = this.#counter('xenpci_passes_total', 'Passes that have ended.', ['result']);
  readonly #reconnects = this.#counter('xenpci_reconnects_total', 'Connections that were made again.', ['peer']);
  readonly #stepSeconds = this.#histogram(
    'xenpci_step_duration_seconds',
    'How long steps took.',
    ['verb'],
    STEP_BUCKETS,
  );
  readonly #passSeconds = this.#histogram('xenpci_pass_duration_seconds', 'How long passes took.', [], PASS_BUCKETS);

  constructor(version: string) {
    this.#gauge('xenpci_build_info', 'Always 1.', ['version', 'node']).set({ version, node: process.versions.node }, 1);
    // A counter that is not there yet has no increase: what has not happened is 0.
    for (const result of ['looked', 'failed']) this.#passes.inc({ result }, 0);
    for (const peer of ['xenstore', 'libvirt']) this.#reconnects.inc({ peer }, 0);
  }

  /** In Prometheus' text format. */
  async text(): Promise<{ readonly type: string; readonly text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  hearReport(report: Report): void {
    if (report.type === 'ManifestProblems') {
      this.#problems.reset();
      for (const { code } of report.problems) this.#problems.inc({ code });
    }
    if (report.type !== 'StepPerformed' && report.type !== 'StepFailed') return;
    const { verb } = report.step;
    this.#steps.inc({ verb, result: report.type === 'StepPerformed' ? 'performed' : 'failed' });
    this.#stepSeconds.observe({ verb }, report.durationMs / 1000);
  }

  hearPass({ durationMs, look, backingOff }: Pass): void {
    this.#passes.inc({ result: look === undefined ? 'failed' : 'looked' });
    this.#passSeconds.observe(durationMs / 1000);
    this.#backingOff.set(backingOff);
    if (look !== undefined) this.#hearLook(look);
  }

  /** @param about what the host hinted at. */
  hearHint(about: string): void {
    const peer = isReconnect(about);
    if (peer !== undefined) this.#reconnects.inc({ peer });
  }

  #hearLook({ observed, status, now }: Look): void {
    this.#lastFull.set(now / 1000);
    for (const gauge of [this.#devices, this.#assignments, this.#waits]) gauge.reset();
    for (const place of ['host', 'assignable', 'guest', 'missing']) this.#devices.set({ place }, 0);
    for (const { present, place } of observed.devices.values()) {
      this.#devices.inc({ place: present ? place.at : 'missing' });
    }
    for (const assignment of status.assignments) {
      const { status: ready = 'Unknown', reason = 'Unknown' } = readyOf(assignment) ?? {};
      this.#assignments.inc({ ready, reason });
    }
    const waits = status.devices.flatMap(({ wait }) => wait ?? []);
    for (const { kind, reason } of waits) this.#waits.inc({ kind, reason });
    this.#overdue.set(waits.filter(({ overdue }) => overdue).length);
    this.#diverged.set(status.devices.filter(({ divergence }) => divergence !== undefined).length);
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, labelNames: string[], buckets: number[]): Histogram {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.#registry] });
  }
}
