import type { Report } from '../../controller/report.ts';
import type { Status } from '../../controller/status-types.ts';
import { readyOf } from '../../daemon/narration.ts';
import { stepKey } from '../../plan/step.ts';

/** Notices when a host has come to rest: no step is under way, and what is not in place waits for something outside. */
export class Rest {
  readonly #underWay = new Set<string>();
  #status: Status | undefined;
  #shown = '';

  /** @returns the status when, with this report, the host has come to rest in another way than the last time. */
  after(report: Report): Status | undefined {
    if (report.type === 'StepStarted') this.#underWay.add(stepKey(report.step));
    if (report.type === 'StepPerformed' || report.type === 'StepFailed') this.#underWay.delete(stepKey(report.step));
    if (report.type === 'StatusChanged') this.#status = report.status;
    const status = this.#status;
    if (status === undefined || this.#underWay.size > 0 || !isSettled(status)) return undefined;
    const content = JSON.stringify(status.assignments.map(({ name, domain, devices }) => [name, domain, devices]));
    if (content === this.#shown) return undefined;
    this.#shown = content;
    return status;
  }
}

function isSettled({ assignments, devices }: Status): boolean {
  const still = devices.every(({ steps, wait }) => steps.length === 0 && wait?.reason !== 'Settling');
  return still && assignments.every(assignment => readyOf(assignment)?.reason !== 'Progressing');
}
