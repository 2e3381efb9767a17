import type { Condition } from '../../api/conditions.ts';
import { API_VERSION } from '../../api/manifest.ts';
import { writtenForm } from '../../api/written-form.ts';
import { type AssignmentStatus, asSeenBy } from '../../controller/status-types.ts';
import { isOurs } from '../../plan/domains.ts';
import type { ObservedDevice } from '../../plan/observed.ts';
import { entryNames } from '../export/entry-names.ts';
import type { Survey } from '../looks/survey.ts';
import { guardsOf } from './guards-of.ts';
import { deviceReadiness, entryOf, isOrphaned, ORPHAN_TEXT } from './readiness.ts';

/** Kind, name and the rest of what `-o yaml` and `-o json` print. */
export interface ApiObject {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly uid?: string };
  readonly [part: string]: unknown;
}

/** A device as a PCIDevice object: everything is status, since nobody writes it. */
export function deviceObject(survey: Survey, device: ObservedDevice): ApiObject {
  const { address, present, path, identity, text, driver, homeDriver, place, resetMethods, permissive } = device;
  const status = survey.status.devices.find(found => found.address === address);
  const entry = entryOf(survey, address);
  const name = entryNames(survey.observed.devices.values()).get(address);
  return {
    apiVersion: API_VERSION,
    kind: 'PCIDevice',
    metadata: { name: address },
    status: {
      present,
      path,
      identity,
      text,
      driver,
      homeDriver,
      resetMethods,
      permissive,
      place,
      guestAddress: device.guestAddress,
      views: viewsOf(survey, device),
      divergence: device.divergence,
      entry: name === undefined || !present ? undefined : { name, path, identity },
      assignment:
        entry === undefined ? undefined : { name: entry.assignment.assignment.metadata.name, entry: entry.entry.name },
      others: status?.others,
      desired: status?.want,
      steps: status?.steps,
      afterApproval: status?.afterApproval,
      uses: device.uses,
      dead: device.dead,
      guards: guardsOf(survey, device).map(({ reason, message, off }) => ({ reason, message, off })),
      refusal: status?.wait?.kind === 'guard' ? status.wait : undefined,
      waits: status?.wait?.kind === 'wait' ? [status.wait] : [],
      failure: status?.failure,
      conditions: deviceConditions(survey, device),
    },
  };
}

/** Who has a device in the eyes of libvirt: names of domains by definition. */
export function viewsOf({ observed }: Survey, { address }: ObservedDevice): { live: string[]; stored: string[] } {
  const named = (name: string, ours: boolean): string => (ours ? name : `${name} (not by xenpci)`);
  const live = observed.domains.flatMap(({ name, domid, live: hostdevs }) =>
    domid === undefined
      ? []
      : hostdevs.filter(entry => entry.address === address).map(entry => named(name, isOurs(entry))),
  );
  const stored = observed.domains.flatMap(({ name, stored: definition }) =>
    (definition?.hostdevs ?? []).filter(entry => entry.address === address).map(entry => named(name, isOurs(entry))),
  );
  return { live, stored };
}

function deviceConditions(survey: Survey, device: ObservedDevice): Partial<Condition>[] {
  const { address } = device;
  if (isOrphaned(survey, device)) {
    return [{ type: 'Orphan', status: 'True', reason: 'WantedByNobody', message: ORPHAN_TEXT }];
  }
  const readiness = deviceReadiness(survey, address);
  if (readiness === undefined) return [];
  const { ready, reason, message } = readiness;
  const status = survey.status.devices.find(found => found.address === address);
  const since = status?.wait?.since ?? status?.failure?.since;
  const generation = entryOf(survey, address)?.assignment.hash;
  return [
    {
      type: 'Ready',
      status: ready ? 'True' : 'False',
      reason,
      message,
      ...(since === undefined ? {} : { lastTransitionTime: since }),
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    },
  ];
}

/** An assignment as it is in force, with its status; without `spec` when only the running controller knows its content. */
export function assignmentObject({ source, status }: Survey, assignment: AssignmentStatus): ApiObject {
  const sourced = source.assignments.find(found => found.assignment.metadata.name === assignment.name);
  const { conditions, file, line, foreign } = assignment;
  const devices = assignment.devices.map(entry => {
    const device = status.devices.find(found => found.address === entry.address);
    const seen = device && asSeenBy(device, assignment.name, entry.entry);
    const { have, want, wait, failure } = seen ?? {};
    return { ...entry, place: have, desired: want, wait, failure };
  });
  return {
    apiVersion: API_VERSION,
    kind: 'PCIAssignment',
    metadata: sourced?.assignment.metadata ?? { name: assignment.name },
    spec: sourced && writtenForm(sourced.assignment).spec,
    status: { origin: { file, line }, conditions, devices, foreign },
  };
}
