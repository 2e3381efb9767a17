import type { Address } from '../../../src/api/address.ts';
import { identityDifferences } from '../../../src/api/identity.ts';
import { MAX_DETACHES_DEFAULT } from '../../../src/api/manifest.ts';
import type { Approval } from '../../../src/plan/approval.ts';
import type { Observed } from '../../../src/plan/observed.ts';
import {
  type AttachStep,
  type BindStep,
  type ConfigureStep,
  type DetachStep,
  type ReleaseStep,
  type Step,
  stepText,
} from '../../../src/plan/step.ts';
import { PCIBACK } from '../../../src/simulator/model/device.ts';
import type { Model } from '../../../src/simulator/model/model.ts';
import { type Believed, isFor } from './believed.ts';
import type { Shown } from './shown.ts';

/** What must never happen, by the name under which it is reported. */
export type Law =
  | 'twoOwners'
  | 'illegalStep'
  | 'notNamed'
  | 'unreadable'
  | 'entitled'
  | 'notOurs'
  | 'guarded'
  | 'unasked'
  | 'split'
  | 'afterStop'
  | 'unrecorded'
  | 'paused'
  | 'suspended'
  | 'noConvergence'
  | 'untrue'
  | 'leak'
  | 'restless'
  | 'replanned'
  | 'unanswered'
  | 'crashed';

/** A law is broken. */
export class Broken extends Error {
  override readonly name = 'Broken';
  readonly law: Law;
  constructor(law: Law, what: string) {
    super(`${law}: ${what}`);
    this.law = law;
  }
}

/** The devices in the record, each with the domain that it is recorded for. */
export type Recorded = ReadonlyMap<Address, { readonly name: string; readonly uuid?: string }>;

/** What a law may look at besides the step. */
export interface Evidence {
  readonly model: Model;
  readonly believed: Believed;
  /** The record on disk. */
  readonly recorded: () => Recorded;
  readonly approvals: () => readonly Approval[];
  /** Devices that were given to a guest by the daemon, in any of its lives: `ADDRESS DOMID`. */
  readonly given: Set<string>;
  /** What this life has been shown, and those before it that could keep it. */
  readonly shown: Shown;
  /** What any life has been shown. */
  readonly everShown: Shown;
  readonly isStopped: () => boolean;
  readonly report: (broken: Broken) => void;
}

/** Watches every step of one life of the daemon: whether it may be asked for, and what came of it. */
export class Laws {
  readonly #evidence: Evidence;
  #look: Observed | undefined;
  #unasked = 0;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  /** The daemon is given this look. */
  looked(observed: Observed): void {
    this.#look = observed;
    this.#evidence.shown.add(observed);
    this.#evidence.everShown.add(observed);
    this.#unasked = 0;
  }

  /** The daemon asks for a step. */
  asked(step: Step): void {
    const { recorded, isStopped } = this.#evidence;
    if (this.#evidence.believed.isAllSuspended) this.#break('suspended', step, 'nobody knows what is suspended');
    if (isStopped()) this.#break('afterStop', step, 'begun after the stop');
    if (step.verb === 'configure') {
      this.#configure(step);
      return;
    }
    const named = this.#evidence.believed.wishesFor(step.device);
    if (named.length === 0 && !recorded().has(step.device)) this.#break('notNamed', step, 'nobody named it');
    if (named.length > 0 && named.every(({ assignment }) => assignment.spec.suspend)) {
      this.#break('suspended', step, 'all that name it are suspended');
    }
    if (step.verb === 'bind' || step.verb === 'attach') this.#take(step);
    if (step.verb === 'detach') this.#detach(step);
    if (step.verb === 'release') this.#release(step);
    if (step.verb === 'attach') {
      this.#attach(step);
      this.#keepTogether(step);
    }
  }

  /** The toolstack has come to the end of a step. @param raced when others had time between the check and the step. */
  landed(step: Step, raced: boolean, complaint: Error | undefined): void {
    const { dom0 } = this.#evidence.model;
    for (const violation of dom0.violations.splice(0)) {
      // Between the check and the step nothing but the toolstack's own checks can tell.
      if (raced && /^(?:illegal step|libvirt reset)/.test(violation)) continue;
      if (this.#isHidden(step)) continue;
      this.#break(violation.startsWith('illegal') ? 'illegalStep' : 'twoOwners', step, violation);
    }
    const isOpen = step.verb === 'attach' && !step.permissive && dom0.present(step.device)?.permissive === true;
    if (isOpen && complaint === undefined) this.#break('guarded', step, 'it is permissive still');
    if (step.verb === 'attach' && complaint === undefined) {
      this.#evidence.given.add(`${step.device} ${step.guest.domid}`);
    }
  }

  /**
   * Whether a card that was pulled and put back is taken from a guest that never had it, and nobody could know: it was
   * bound to pciback again before any daemon lived that was shown something of it and could keep that.
   */
  #isHidden(step: Step): boolean {
    if (step.verb !== 'detach') return false;
    const device = this.#evidence.model.dom0.present(step.device);
    if (device?.driver !== PCIBACK || device.insertions === 1) return false;
    return !this.#evidence.shown.tells(device, step.guest.domid);
  }

  /** Nothing that is for dom0 alone is taken, and nothing that is not the card that is meant. */
  #take(step: BindStep | AttachStep): void {
    const { believed, recorded } = this.#evidence;
    const device = this.#look?.devices.get(step.device);
    const policy = believed.policy;
    const wishes = believed.wishesFor(step.device);
    if (device === undefined || !device.present) {
      this.#break('guarded', step, 'it is not there');
      return;
    }
    if (believed.isPolicyUnknown && !recorded().has(step.device)) {
      this.#break('guarded', step, 'a policy that cannot be read may protect it');
    }
    if (wishes.length === 0) this.#break('notNamed', step, 'no entry in force names it');
    const isProtected = policy?.spec.protectedDevices.some(item => 'address' in item && item.address === step.device);
    if (isProtected === true) this.#break('guarded', step, 'it is protected');
    const use = device.uses.find(({ guard }) => policy?.spec.allow.includes(guard) !== true);
    if (step.verb === 'bind' && use !== undefined) this.#break('guarded', step, use.text);
    const fits = wishes.some(({ entry }) => identityDifferences(entry.identity ?? {}, device.identity).length === 0);
    if (!fits) this.#break('guarded', step, 'it is another card');
    const isResettable = device.resetMethods.length > 0 || policy?.spec.allow.includes('NoReset') === true;
    if (!isResettable && wishes.every(({ entry }) => entry.reset === 'Strict')) {
      this.#break('guarded', step, 'it cannot be reset');
    }
  }

  #attach(step: AttachStep): void {
    const wishes = this.#evidence.believed.wishesFor(step.device);
    if (!wishes.some(({ assignment }) => isFor(assignment, step.guest))) {
      this.#break('entitled', step, 'no entry in force gives it to that guest');
    }
    if (wishes.every(({ entry }) => entry.permissive !== step.permissive)) {
      this.#break('guarded', step, `no entry says permissive: ${step.permissive}`);
    }
    if (wishes.length > 1 && wishes.some(({ entry }) => entry.sharing === 'Exclusive')) {
      this.#break('entitled', step, 'several entries name it, and do not share it');
    }
    if (this.#look?.domains.find(({ domid }) => domid === step.guest.domid)?.state === 'paused') {
      this.#break('paused', step, 'the guest is paused');
    }
    if (!this.#evidence.recorded().has(step.device)) this.#break('unrecorded', step, 'the record does not have it');
  }

  /** The other functions of its slot are not somebody else's. */
  #keepTogether(step: AttachStep): void {
    const { believed } = this.#evidence;
    if (believed.policy?.spec.allow.includes('SharedSlot') === true) return;
    const slot = step.device.slice(0, -1);
    for (const { address, place, driver, present } of this.#look?.devices.values() ?? []) {
      if (address === step.device || !address.startsWith(slot) || !present) continue;
      const isOther = place.at === 'guest' && place.domid !== step.guest.domid;
      const isForIt = believed.wishesFor(address).some(({ assignment }) => isFor(assignment, step.guest));
      const isDom0s = place.at === 'host' && driver !== undefined && !isForIt;
      if (isOther || isDom0s)
        this.#break('split', step, `${address} is ${isOther ? 'with another guest' : 'with dom0'}`);
    }
  }

  #detach(step: DetachStep): void {
    const { believed, approvals, given, model, recorded } = this.#evidence;
    const wishes = believed.wishesFor(step.device);
    if (wishes.some(({ assignment }) => isFor(assignment, step.guest))) {
      this.#break('entitled', step, 'an entry in force gives it to that guest');
    }
    if (!believed.isComplete && wishes.length === 0) {
      this.#break('unreadable', step, 'not everything could be read, and nobody else is to have it');
    }
    if (believed.isPolicyUnknown) this.#break('unreadable', step, 'the policy is not known');
    if (this.#look?.domains.find(({ domid }) => domid === step.guest.domid)?.state === 'paused') {
      this.#break('paused', step, 'the guest is paused');
    }
    const assigned = believed.assignments().filter(assignment => isFor(assignment, step.guest));
    if (assigned.length > 0 && assigned.every(({ spec }) => spec.suspend)) {
      this.#break('suspended', step, 'all assignments of the guest are suspended');
    }
    const isOurs =
      given.has(`${step.device} ${step.guest.domid}`) ||
      model.dom0
        .byDomid(step.guest.domid)
        ?.instance?.started.hostdevs.some(({ address, alias }) => address === step.device && alias !== undefined) ===
        true;
    const isCorrected = assigned.some(({ spec }) => spec.driftPolicy === 'Correct' && !spec.suspend);
    const holder = recorded().get(step.device);
    const isRecorded = holder?.uuid === undefined ? holder?.name === step.guest.name : holder.uuid === step.guest.uuid;
    if (!isOurs && !isCorrected && !isRecorded) {
      this.#break('notOurs', step, 'somebody else gave it to that guest');
    }
    const isApproved = approvals().some(
      ({ device, uuid, domid }) => device === step.device && uuid === step.guest.uuid && domid === step.guest.domid,
    );
    if (isApproved) return;
    this.#unasked += 1;
    const max = believed.policy?.spec.maxDetachesPerPass ?? MAX_DETACHES_DEFAULT;
    if (this.#unasked > max) this.#break('unasked', step, `${this.#unasked} detaches in one pass, ${max} may unasked`);
  }

  #release(step: ReleaseStep): void {
    const { believed } = this.#evidence;
    const wishes = believed.wishesFor(step.device);
    if (!believed.isComplete && wishes.length === 0) {
      this.#break('unreadable', step, 'not everything could be read, and no entry wants it on the host');
    }
    if (wishes.length > 0 && wishes.every(({ assignment }) => assignment.spec.whenStopped === 'Assignable')) {
      this.#break('entitled', step, 'no entry wants it on the host');
    }
  }

  #configure(step: ConfigureStep): void {
    const { believed, recorded } = this.#evidence;
    const own = believed.assignments().filter(assignment => isFor(assignment, step.domain));
    if (own.length > 0 && own.every(({ spec }) => spec.suspend)) {
      this.#break('suspended', step, 'all its assignments are suspended');
    }
    for (const { device } of step.add) {
      const wishes = believed.wishesFor(device);
      if (!wishes.some(({ assignment }) => isFor(assignment, step.domain))) {
        this.#break('entitled', step, `no entry in force gives ${device} to that domain`);
      }
    }
    for (const device of step.remove) {
      const wishes = believed.wishesFor(device);
      if (wishes.length === 0 && !recorded().has(device)) this.#break('notNamed', step, `nobody named ${device}`);
      if (wishes.length === 0 && !believed.isComplete) {
        this.#break('unreadable', step, `not everything could be read, and ${device} is removed`);
      }
    }
  }

  #break(law: Law, step: Step, what: string): void {
    this.#evidence.report(new Broken(law, `${stepText(step)}: ${what}`));
  }
}
