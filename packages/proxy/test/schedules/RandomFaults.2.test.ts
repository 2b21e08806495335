import { suite } from "./SchedulesSuite.ts"

suite(2)
