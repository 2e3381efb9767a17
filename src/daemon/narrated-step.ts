import type { Asker } from '../plan/asked-by.ts';
import type { Step } from '../plan/step.ts';
import { type ObjectRef, ref } from './events/event.ts';
import type { About } from './line.ts';

/** What the event of a step is about: its device, or the domain that it configures; and who and what else is part of it. */
export function aboutStep(step: Step, askedBy: readonly Asker[]): About {
  const names = [...new Set(askedBy.map(({ assignment }) => assignment))];
  const related = [...names.map(name => ref('assignment', name)), ...partsOf(step)];
  const action = `${step.verb.charAt(0).toUpperCase()}${step.verb.slice(1)}`;
  const regarding = step.verb === 'configure' ? ref('domain', step.domain.name) : ref('device', step.device);
  return { action, regarding, related, askedBy };
}

function partsOf(step: Step): ObjectRef[] {
  if (step.verb !== 'configure') return 'guest' in step ? [ref('domain', step.guest.name)] : [];
  const devices = new Set([...step.remove, ...step.add.map(({ device }) => device)]);
  return [...devices].map(device => ref('device', device));
}
