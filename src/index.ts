/**
 * The parts of xenpci that are of use to other programs: manifests and where they come from, the plan, the loop, and
 * the real dom0 behind it. The two protocol clients stand alone, as `xenpci/xenstore-client` and `xenpci/node-libvirt`.
 */
export { type Address, parseAddress } from './api/address.ts';
export type { Condition } from './api/conditions.ts';
export type { HostIdentity } from './api/hosts.ts';
export type { Identity } from './api/identity.ts';
export { type Dom0Layout, dom0Layout } from './api/layout.ts';
export type {
  DeviceEntry,
  ManifestProblem,
  PCIAssignment,
  PCIHostPolicy,
  SourcedAssignment,
  SourceSnapshot,
} from './api/manifest.ts';
export { systemClock } from './controller/clock.ts';
export { Controller, type ControllerParts } from './controller/controller.ts';
export {
  type ApprovalStore,
  type Clock,
  type Host,
  HostError,
  type InventoryStore,
  type Source,
} from './controller/ports.ts';
export type { Report, Reporter } from './controller/report.ts';
export type { AssignmentStatus, DeviceStatus, Status } from './controller/status-types.ts';
export { createHost, detectXen, thisHost } from './host/index.ts';
export type { HeldDevice, Inventory } from './plan/inventory.ts';
export type { Observed, ObservedDevice, ObservedDomain, Place } from './plan/observed.ts';
export { nextSteps, type Plan, plan, planSteps } from './plan/plan.ts';
export { type Step, stepText } from './plan/step.ts';
export { FolderSource } from './source/folder-source.ts';
