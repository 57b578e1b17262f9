// The order of actions, as a rule on values: no host, no time.

import Planner
import Testing
import Vocabulary

@testable import Applier

@Suite("A schedule")
struct ScheduleTests {
  private func schedule(_ dependencies: [[Int]]) -> Schedule {
    Schedule(
      dependencies.enumerated().map { index, after in
        Action(ObjectReference(.image, "\(index)"), .startPool(name: "\(index)"), after: after, effect: .define)
      })
  }

  private let failure = ActionOutcome.failed(ActionFailure("no"))

  @Test("hands out what is ready in the plan's order, and the rest as its dependencies are done")
  func order() {
    var schedule = schedule([[], [], [0], [0, 1], []])
    #expect([schedule.next(), schedule.next(), schedule.next(), schedule.next()] == [0, 1, 4, nil])
    #expect(schedule.settle(1, .done).isEmpty)
    #expect(schedule.next() == nil)
    #expect(schedule.settle(0, .done).isEmpty)
    #expect([schedule.next(), schedule.next(), schedule.next()] == [2, 3, nil])
    for index in [4, 2, 3] { #expect(schedule.settle(index, .done).isEmpty) }
    #expect(schedule.result.allSatisfy { $0 == .done })
  }

  @Test("puts an action that becomes ready before later ones that were ready already")
  func earlierFirst() {
    var schedule = schedule([[], [0], [], []])
    #expect(schedule.next() == 0)
    _ = schedule.settle(0, .done)
    #expect([schedule.next(), schedule.next(), schedule.next()] == [1, 2, 3])
  }

  @Test("takes no more guests away at once than is allowed, and goes on with the rest")
  func disruptions() {
    var schedule = Schedule(
      [Effect.restart, .offline, .define, .live].enumerated().map { index, effect in
        Action(ObjectReference(.domain, "\(index)"), .startPool(name: ""), after: [], effect: effect)
      })
    #expect([schedule.next(atMost: 1), schedule.next(atMost: 1), schedule.next(atMost: 1)] == [0, 2, 3])
    #expect(schedule.next(atMost: 1) == nil)
    _ = schedule.settle(2, .done)
    #expect(schedule.next(atMost: 1) == nil)
    _ = schedule.settle(0, .done)
    #expect(schedule.next(atMost: 1) == 1)
  }

  @Test("blocks what stands on a failure, through any number of steps, and nothing else")
  func blocked() {
    var schedule = schedule([[], [0], [1], [], [3, 2]])
    #expect(schedule.next() == 0)
    let blocked = schedule.settle(0, failure)
    #expect(blocked.map(\.index) == [1, 2])
    #expect(blocked.map(\.cause) == [0, 0])
    #expect(schedule.next() == 3)
    #expect(schedule.settle(3, .done).map(\.index) == [4])
    #expect(schedule.result == [failure, .blocked(by: 0), .blocked(by: 0), .done, .blocked(by: 0)])
  }

  @Test("names the first failure of the plan, whichever came first", arguments: [[0, 1], [1, 0]])
  func firstCause(order: [Int]) {
    var schedule = schedule([[], [], [0, 1]])
    _ = (schedule.next(), schedule.next())
    for index in order { _ = schedule.settle(index, failure) }
    #expect(schedule.result == [failure, failure, .blocked(by: 0)])
  }

  @Test("leaves what was not started when it is closed, and still tells what a failure blocks")
  func closed() {
    var schedule = schedule([[], [], [0], [1], [0, 1]])
    _ = (schedule.next(), schedule.next())
    _ = schedule.settle(0, failure)
    _ = schedule.settle(1, .done)
    #expect(schedule.close() == [3])
    #expect(schedule.next() == nil)
    #expect(schedule.result == [failure, .done, .blocked(by: 0), .notStarted, .blocked(by: 0)])
  }

  @Test("takes a dependency that names itself, a later step or none for no dependency", arguments: [0, 1, 7, -1])
  func strangeDependency(other: Int) {
    var schedule = schedule([[other], []])
    #expect(schedule.next() == 0)
  }
}
