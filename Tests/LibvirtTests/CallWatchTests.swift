// Calls that do not end: who is given up, and when. With calls that wait behind a door, in short steps.

import BlockingWork
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Libvirt

private final class Door: Sendable {
  private let isOpen = Atomic(false)
  func open() { isOpen.store(true, ordering: .releasing) }
  func pass() { while !isOpen.load(ordering: .acquiring) { usleep(1_000) } }
}

@Suite("A watch over calls")
struct CallWatchTests {
  private let pool = BlockingPool(name: "calls", threads: 4)

  private func limits(answer: Int = 1_000_000, silence: Int = 1_000_000) -> CallLimits {
    var limits = CallLimits()
    limits.step = .milliseconds(10)
    limits.answer = limits.step * answer
    limits.silence = limits.step * silence
    limits.silenceBeforeProbe = limits.step * 2
    return limits
  }

  private func call<R: Sendable>(
    _ watch: CallWatch, _ kind: CallLimits.Kind = .answer, _ body: @escaping @Sendable () throws -> R
  ) async throws -> R {
    try await pool.run { work in try watch.during(work, kind, "ask", body) }
  }

  @Test("gives up one call that is late, and no other", .timeLimit(.minutes(1)))
  func late() async throws {
    let watch = CallWatch(limits: limits(answer: 20))
    let door = Door()
    let long = Task { try await call(watch, .work) { door.pass() } }
    let error = try await libvirtError { try await call(watch) { door.pass() } }
    #expect(error?.code == .operationTimeout && error?.isConnectionLost == false)
    #expect(try await call(watch) { 42 } == 42)
    door.open()
    try await long.value
  }

  @Test("waits for a long call as long as the daemon gives signs of life", .timeLimit(.minutes(1)))
  func alive() async throws {
    let watch = CallWatch(limits: limits(silence: 8))
    let door = Door()
    let probes = Atomic(0)
    // The probe is what opens the door, long after the silence would have been too long.
    watch.watchDaemon {
      if probes.wrappingAdd(1, ordering: .relaxed).newValue == 20 { door.open() }
      return true
    } giveUp: {
      Issue.record("the daemon answers")
      door.open()
    }
    try await call(watch) { door.pass() }
    #expect(probes.load(ordering: .relaxed) >= 20)
  }

  @Test("gives up all calls of a daemon that is silent", .timeLimit(.minutes(1)), arguments: [true, false])
  func silent(probeReturns: Bool) async throws {
    let watch = CallWatch(limits: limits(silence: 30))
    let door = Door()
    let given = Atomic(0)
    watch.watchDaemon {
      if !probeReturns { door.pass() }
      return false
    } giveUp: {
      given.add(1, ordering: .relaxed)
    }
    let calls = (0..<4).map { _ in Task { try await libvirtError { try await call(watch) { door.pass() } } } }
    for task in calls {
      let error = try await task.value
      #expect(error?.isConnectionLost == true && error?.isDaemonSilent == true)
    }
    #expect(given.load(ordering: .relaxed) >= 1)
    door.open()
  }

  @Test("any answer of the daemon ends its silence", .timeLimit(.minutes(1)))
  func others() async throws {
    let watch = CallWatch(limits: limits(silence: 100))
    watch.watchDaemon {
      false
    } giveUp: {
      Issue.record("the daemon answers")
    }
    let door = Door()
    let long = Task { try await call(watch) { door.pass() } }
    for _ in 0..<250 {
      try await call(watch) {}
      try await Task.sleep(for: .milliseconds(10))
    }
    door.open()
    try await long.value
  }
}
