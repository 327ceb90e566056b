export { FakeClock, START } from "../../queue/testing/fake_clock.ts";
