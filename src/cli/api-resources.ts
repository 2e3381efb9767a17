import { compareAddresses, parseAddress } from '../api/address.ts';
import { API_VERSION } from '../api/manifest.ts';
import type { Look } from '../controller/look.ts';
import type { Resources } from '../daemon/api/resources.ts';
import { askedBy } from '../plan/asked-by.ts';
import { findDomain, isOurs } from '../plan/domains.ts';
import type { ObservedDomain } from '../plan/observed.ts';
import { planSteps } from '../plan/plan.ts';
import { stepText } from '../plan/step.ts';
import type { Globals } from './context.ts';
import type { Survey } from './looks/survey.ts';
import { type ApiObject, assignmentObject, deviceObject } from './views/objects.ts';

/** What the API of a running controller shows: the same objects as `xenpci get -o json`, of its last look. */
export function apiResources(globals: Globals): Resources {
  const surveyOf = (look: Look): Survey => ({ ...look, globals, controller: process.pid });
  return {
    assignments: look => look.status.assignments.map(assignment => assignmentObject(surveyOf(look), assignment)),
    assignment(look, name) {
      const found = look.status.assignments.find(assignment => assignment.name === name);
      return found && assignmentObject(surveyOf(look), found);
    },
    devices: look =>
      [...look.observed.devices.values()]
        .sort((a, b) => compareAddresses(a.address, b.address))
        .map(device => deviceObject(surveyOf(look), device)),
    device(look, text) {
      const address = parseAddress(text);
      const found = address && look.observed.devices.get(address);
      return found && deviceObject(surveyOf(look), found);
    },
    domains: look => look.observed.domains.map(domain => domainObject(look, domain)),
    plan: planObject,
  };
}

/** A domain as it was found. Its name is whatever somebody called it. */
function domainObject({ observed, source }: Look, domain: ObservedDomain): ApiObject {
  const { name, uuid, domid, state, asleep, crashed, toolstack, persistent, type, passthrough, live, stored } = domain;
  const entry = (hostdev: ObservedDomain['live'][number]): object => ({
    address: hostdev.address,
    permissive: hostdev.permissive,
    ours: isOurs(hostdev),
  });
  const assignments = source.assignments
    .filter(({ assignment }) => findDomain(observed, assignment.spec.domain) === domain)
    .map(({ assignment }) => assignment.metadata.name);
  const status = {
    domid,
    state,
    asleep,
    crashed,
    toolstack,
    persistent,
    type,
    passthrough,
    live: live.map(entry),
    stored: stored && { passthrough: stored.passthrough, devices: stored.hostdevs.map(entry) },
    assignments,
  };
  return { apiVersion: API_VERSION, kind: 'Domain', metadata: { name, uid: uuid }, status };
}

/** What is to be done, by whom it was asked for, and what waits. */
function planObject({ plan, inventory, status, now }: Look): object {
  return {
    apiVersion: API_VERSION,
    kind: 'Plan',
    status: {
      observedAt: new Date(now).toISOString(),
      steps: planSteps(plan).map(step => ({ text: stepText(step), step, askedBy: askedBy(step, plan, inventory) })),
      holds: status.devices.flatMap(({ address, wait }) => (wait === undefined ? [] : [{ device: address, ...wait }])),
      problems: status.problems,
    },
  };
}
