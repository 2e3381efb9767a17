import type { Explanation } from './explanation.ts';

/** The reasons of events that are not those of a condition, wait, guard or problem. */
export type EventReason =
  | 'StepPerformed'
  | 'StepFailed'
  | 'LookFailed'
  | 'RecordFailed'
  | 'ApprovalsUnreadable'
  | 'HostSlept'
  | 'ManifestsValid'
  | 'AssignmentGone'
  | 'OtherHosts'
  | 'WaitEnded'
  | 'Diverged'
  | 'DivergenceEnded'
  | 'Suspended'
  | 'Resumed'
  | 'SuspensionsUnusable'
  | 'SuspensionsUsable'
  | 'TrialBegan'
  | 'TrialConfirmed'
  | 'TrialReverted'
  | 'TrialUnusable';

function event(meaning: string, remedy = 'Nothing.'): Explanation {
  return { kind: 'event', meaning, remedy };
}

/** What the reasons of events stand for; those that are reasons of conditions or waits, too, are explained there. */
export const EVENT_CODES: Readonly<Record<Exclude<EventReason, 'StepFailed' | 'Diverged' | 'Suspended'>, Explanation>> =
  {
    StepPerformed: event('A step on the host has been taken; the next look judges it.'),
    LookFailed: event(
      'The host could not be looked at, so no step is taken. It is tried again.',
      'See whether xenstored, libvirtd and xl answer; xenpci doctor does.',
    ),
    RecordFailed: event(
      'The record of held devices cannot be read or written, so no step is taken. It is tried again.',
      'Mend what the message says; a full disk is the usual reason.',
    ),
    ApprovalsUnreadable: event(
      'The record of approvals cannot be read, so nothing counts as approved.',
      'Approve once more: xenpci approve.',
    ),
    HostSlept: event(
      'The host has slept and is awake again. No device is taken from a guest for that, and what had failed is tried again ' +
        'at once. Devices have lost what their drivers had set in them; most drivers of guests notice and set it anew.',
      'Where a device of a guest stays silent: xl pci-detach DOMAIN ADDRESS. With driftPolicy Correct it comes back, reset.',
    ),
    ManifestsValid: event('All manifests are valid again.'),
    AssignmentGone: event('The assignment is no longer in the manifests, so its deletionPolicy applies.'),
    OtherHosts: event(
      'Some objects of the folder are for other hosts than this one.',
      'Nothing if that is meant; else correct spec.hosts.',
    ),
    WaitEnded: event('The device waits no longer.'),
    DivergenceEnded: event('xenstore and libvirt agree again about who has the device.'),
    Resumed: event('A person has given back an assignment that was suspended.'),
    SuspensionsUnusable: event(
      'The record of what persons have suspended cannot be used, so no step is taken for any assignment.',
      'Look which guests are to be left alone; then xenpci resume --all, and suspend those again.',
    ),
    SuspensionsUsable: event('The record of what persons have suspended can be used again.'),
    TrialBegan: event(
      'A person tries a manifest: when the time is up, what was wanted before is wanted again.',
      'Keep it with xenpci try --confirm, or end it with xenpci try --revert.',
    ),
    TrialConfirmed: event('A person has kept what was tried.'),
    TrialReverted: event('A trial is over, and what was wanted before is wanted again.'),
    TrialUnusable: event(
      'The record of a trial cannot be used; what was read of it before counts until its time is up.',
      'Mend what the message says, or try the manifest again.',
    ),
  };
