// Calls that do not end: who is given up, and when. The calls wait behind a door, and the test makes the steps itself.

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

  /// Limits in steps; no step is made unless the test makes it.
  private func watch(answer: Int = 1_000_000, silence: Int = 1_000_000) -> CallWatch {
    var limits = CallLimits()
    limits.step = .seconds(100_000)
    limits.answer = limits.step * answer
    limits.work = limits.step * 1_000_000
    limits.silence = limits.step * silence
    limits.silenceBeforeProbe = limits.step * 2
    return CallWatch(limits: limits)
  }

  private func call<R: Sendable>(
    _ watch: CallWatch, _ kind: CallLimits.Kind = .answer, _ body: @escaping @Sendable () throws -> R
  ) async throws -> R {
    try await pool.run { work in try watch.during(work, kind, "ask", body) }
  }

  /// Begins calls that wait at the door, and returns once all are under way.
  private func calls(_ count: Int, _ watch: CallWatch, _ kind: CallLimits.Kind = .answer, at door: Door) async throws
    -> [Task<LibvirtError?, any Error>]
  {
    let before = watch.count
    let tasks = (0..<count).map { _ in Task { try await libvirtError { try await call(watch, kind) { door.pass() } } } }
    while watch.count < before + count { try await Task.sleep(for: .milliseconds(1)) }
    return tasks
  }

  @Test("gives up one call that is late, and no other")
  func late() async throws {
    let (watch, door) = (watch(answer: 20), Door())
    let long = try await calls(1, watch, .work, at: door)
    let short = try await calls(1, watch, at: door)
    for _ in 0..<19 { watch.tick() }
    #expect(watch.count == 2)
    watch.tick()
    let error = try await short[0].value
    #expect(error?.code == .operationTimeout && error?.isConnectionLost == false)
    #expect(watch.count == 1)
    #expect(try await call(watch) { 42 } == 42)
    door.open()
    #expect(try await long[0].value == nil)
    // Nothing is late that was begun later.
    watch.tick()
    #expect(try await call(watch) { 42 } == 42)
  }

  @Test("waits for a long call as long as the daemon gives signs of life")
  func alive() async throws {
    let (watch, door) = (watch(silence: 8), Door())
    let probes = Atomic(0)
    watch.watchDaemon {
      probes.add(1, ordering: .relaxed)
      return true
    } giveUp: {
      Issue.record("the daemon answers")
    }
    let long = try await calls(1, watch, at: door)
    for round in 1...20 {
      // The probe has a thread of its own.
      watch.tick()
      watch.tick()
      while probes.load(ordering: .relaxed) < round || watch.isProbing { try await Task.sleep(for: .milliseconds(1)) }
    }
    door.open()
    #expect(try await long[0].value == nil)
  }

  @Test("gives up all calls of a daemon that is silent", arguments: [true, false])
  func silent(probeReturns: Bool) async throws {
    let (watch, door) = (watch(silence: 30), Door())
    let given = Atomic(0)
    watch.watchDaemon {
      if !probeReturns { door.pass() }
      return false
    } giveUp: {
      given.add(1, ordering: .relaxed)
    }
    let tasks = try await calls(4, watch, at: door)
    for _ in 0..<29 { watch.tick() }
    #expect(given.load(ordering: .relaxed) == 0 && watch.count == 4)
    watch.tick()
    for task in tasks {
      let error = try await task.value
      #expect(error?.isConnectionLost == true && error?.isDaemonSilent == true)
    }
    #expect(given.load(ordering: .relaxed) == 1)
    door.open()
  }

  @Test("any answer of the daemon ends its silence")
  func others() async throws {
    let (watch, door) = (watch(silence: 10), Door())
    watch.watchDaemon {
      false
    } giveUp: {
      Issue.record("the daemon answers")
    }
    let long = try await calls(1, watch, at: door)
    for _ in 0..<5 {
      for _ in 0..<9 { watch.tick() }
      try await call(watch) {}
    }
    door.open()
    #expect(try await long[0].value == nil)
  }
}
