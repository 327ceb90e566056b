/**
 * The fifth source system's tasks: orders, and one task for each pattern of names.
 *
 * @module
 */
import { z } from "zod";
import { type AnyTaskDefinition, defineTask } from "../queue/mod.ts";
import { type DemoOptions, none } from "./options.ts";

const orderId = z.tuple([z.string().min(1).max(200)]);
/** An order that was submitted within the hour is not processed, or charged, again. */
const oncePerOrder = { key: (order_id: string) => order_id, ttl: 3600 };
const anything = z.tuple([z.unknown()]);

/** Orders and payments, and the tasks that {@link s4Routes} sends to their channels by their names. */
export function s4Tasks({ timeScale }: DemoOptions): AnyTaskDefinition[] {
  const processOrder = defineTask(
    { name: "process_order", args: orderId, idempotency: oncePerOrder, description: "Processes an order." },
    async (context, order_id) => {
      await context.sleep(2 * timeScale);
      return processed({ order_id });
    },
  );

  const processPayment = defineTask(
    { name: "process_payment", args: orderId, idempotency: oncePerOrder, description: "Charges an order." },
    async (context, order_id) => {
      await context.sleep(2 * timeScale);
      return processed({ order_id });
    },
  );

  const highPriorityTask = defineTask(
    { name: "high_priority_task", args: anything, description: "Takes the channel of urgent tasks." },
    (_context, data) => processed(data),
  );

  const lowPriorityTask = defineTask(
    { name: "low_priority_task", args: anything, description: "Takes the channel of tasks that can wait." },
    (_context, data) => processed(data),
  );

  const scheduledCleanup = defineTask(
    { name: "scheduled_cleanup", args: none, description: "Takes the channel of scheduled tasks." },
    () => processed(null),
  );

  return [processOrder, processPayment, highPriorityTask, lowPriorityTask, scheduledCleanup];
}

/** Channels by patterns of task names. */
export const s4Routes: Readonly<Record<string, string>> = {
  "high_priority_*": "high_priority",
  "low_priority_*": "low_priority",
  "scheduled_*": "scheduled",
};

function processed<Data>(data: Data): { processed: true; data: Data } {
  return { processed: true, data };
}
