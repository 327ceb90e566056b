/**
 * The answers that clients got, and the tasks that must therefore be stored: every submission carries a tag of its own,
 * so that the tasks it has made are known even when it was never answered.
 *
 * @module
 */
import {
  type AnyTaskDefinition,
  type Idempotency,
  IdempotencyConflictError,
  type Queue,
  StoreUnavailableError,
  type Task,
  type TaskRequest,
  type WorkflowNode,
} from "../../queue/mod.ts";
import type { TaskRecord } from "../../queue/rows/record.ts";

/** One call of `submitAll`. */
interface Submission {
  readonly tag: string;
  readonly count: number;
  readonly key: Idempotency | undefined;
  /** Its definition makes keys of the arguments: it may make fewer tasks than it asks for. */
  readonly keyed: boolean;
  /** `null`: not answered, or with an error that is no refusal. */
  answer: { readonly tasks: readonly Task[]; readonly replayed: boolean } | "refused" | null;
}

/** See the module's text. */
export class Ledger {
  /** Tasks that some client knows of. */
  readonly acknowledged = new Set<string>();
  /** Workflows likewise. */
  readonly workflows = new Set<string>();
  #submissions: Submission[] = [];
  /** Answers that were wrong when they came. */
  #wrong: string[] = [];

  /** Names of the definitions that make keys of their arguments. */
  #keyed: ReadonlySet<string>;

  constructor(definitions: readonly AnyTaskDefinition[]) {
    this.#keyed = new Set(definitions.filter(({ idempotency }) => idempotency).map(({ name }) => name));
  }

  /** Submits, and notes what is answered. Rejects as the queue does. */
  async submit(queue: Queue, requests: readonly TaskRequest[], key?: Idempotency): Promise<void> {
    const submission: Submission = {
      tag: `submission ${this.#submissions.length}`,
      count: requests.length,
      key,
      keyed: requests.some(({ name }) => this.#keyed.has(name)),
      answer: null,
    };
    this.#submissions.push(submission);
    try {
      const answer = await queue.submitAll(requests.map((one) => ({ ...one, tags: [submission.tag] })), key);
      submission.answer = answer;
      for (const { id } of answer.tasks) this.acknowledged.add(id);
    } catch (error) {
      // Else nobody knows: it was sent, and there was no answer.
      if (!(error instanceof StoreUnavailableError && error.sent)) submission.answer = "refused";
      // A definition's key, made of the arguments, may conflict as well.
      if (
        error instanceof IdempotencyConflictError && key && error.key === key.key && !this.#conflicts(key)
      ) {
        this.#wrong.push(`Key ${key.key} came with one request only, and was said to conflict (invariant 6)`);
      }
      throw error;
    }
  }

  /** Submits a workflow, and notes that it was accepted. Rejects as the queue does. */
  async submitWorkflow(queue: Queue, node: WorkflowNode): Promise<void> {
    this.workflows.add((await queue.submitWorkflow(node)).workflow.id);
  }

  /** Whether a task was accepted: its client was told, or its workflow's. */
  accepted({ id, workflow }: TaskRecord): boolean {
    return this.acknowledged.has(id) || workflow !== undefined && this.workflows.has(workflow.root);
  }

  /** One sentence for each promise that the stored tasks do not keep (invariants 1, 3, 6 and 10). */
  broken(records: ReadonlyMap<string, TaskRecord>): string[] {
    const broken = [...this.#wrong];
    for (const id of this.acknowledged) {
      if (!records.has(id)) broken.push(`Task ${id} was acknowledged and is gone (invariant 1)`);
    }
    const roots = new Set([...records.values()].map(({ workflow }) => workflow?.root));
    for (const id of this.workflows) {
      if (!roots.has(id)) broken.push(`Workflow ${id} was acknowledged and is gone (invariant 1)`);
    }
    const made = new Map<string, string[]>();
    for (const { id, tags, redriveOf } of records.values()) {
      const tag = tags?.[0];
      if (tag !== undefined && redriveOf === undefined) made.set(tag, [...made.get(tag) ?? [], id]);
    }
    for (const submission of this.#submissions) {
      const ids = made.get(submission.tag) ?? [];
      broken.push(...ofOne(submission, ids).map((what) => `Of ${submission.tag} ${what}`));
    }
    const byKey = Map.groupBy(
      this.#submissions.filter(({ key }) => key),
      ({ key }) => `${key!.key} of ${key!.scope}`,
    );
    for (const [key, submissions] of byKey) {
      const makers = submissions.filter(({ tag }) => made.has(tag));
      if (makers.length > 1) broken.push(`Key ${key} was taken ${makers.length} times (invariant 6)`);
      // Who is answered by definitions' keys alone takes none for the request: the next one may be answered otherwise.
      const answers = submissions.flatMap(({ answer, keyed }) =>
        answer && answer !== "refused" && !keyed ? [answer.tasks.map(({ id }) => id).join(" ")] : []
      );
      if (new Set(answers).size > 1) broken.push(`Key ${key} stands for several answers (invariant 6)`);
    }
    return broken;
  }

  #conflicts({ scope, key, fingerprint }: Idempotency): boolean {
    return this.#submissions.some(({ key: other }) =>
      other?.scope === scope && other.key === key && other.fingerprint !== fingerprint
    );
  }
}

/** What is wrong with the tasks that one submission has made. */
function ofOne({ count, keyed, key, answer }: Submission, made: readonly string[]): string[] {
  if (made.length > count) return [`${made.length} tasks were made instead of ${count} (invariant 3)`];
  if (answer === null) {
    return keyed || made.length === 0 || made.length === count
      ? []
      : [`${made.length} of ${count} were made`];
  }
  if (answer === "refused") {
    return made.length === 0 ? [] : [`${made.length} tasks were made, and it was refused (invariant 10)`];
  }
  const answered = new Set(answer.tasks.map(({ id }) => id));
  const unknown = made.filter((id) => !answered.has(id));
  if (unknown.length > 0) return [`${unknown.length} tasks were made that its answer does not name`];
  if (answer.replayed && made.length > 0) {
    return ["tasks were made, and it was answered as a replay (invariant 6)"];
  }
  if (!keyed && !answer.replayed && made.length < count) return [`${made.length} of ${count} were made`];
  return key && answer.tasks.length !== count ? [`${answer.tasks.length} of ${count} were answered`] : [];
}
