export {
  defineEvent,
  type EventDefinition,
  type EventEnvelope,
  EventError,
  type EventOptions,
} from "./define-event.js";
export { type EventConsumer, type Events, onEvent, type PublishOptions } from "./events.js";
export { objectEvents, type TenantOfKey } from "./object-events.js";
export { openApiWebhooks } from "./openapi-webhooks.js";
export { type AddEventsOptions, addEvents, eventsPlugin, getEvents } from "./plugin.js";
