// The pool's promises: own threads, a bound, order, errors, cancellation.

@testable import BlockingWork
import Foundation
import Synchronization
import Testing

private func currentThreadName() -> String {
  let file = open("/proc/thread-self/comm", O_RDONLY)
  defer { close(file) }
  var buffer = [UInt8](repeating: 0, count: 64)
  let count = read(file, &buffer, buffer.count)
  return String(decoding: buffer.prefix(max(0, count - 1)), as: UTF8.self)
}

private struct Refusal: Error, Equatable { let item: Int }

private final class Counter: Sendable {
  private let value = Atomic(0)
  private let greatest = Atomic(0)
  var now: Int { value.load(ordering: .relaxed) }
  var most: Int { greatest.load(ordering: .relaxed) }
  @discardableResult
  func add(_ amount: Int = 1) -> Int {
    let now = value.wrappingAdd(amount, ordering: .relaxed).newValue
    greatest.max(now, ordering: .relaxed)
    return now
  }
}

/// A door that stays shut until it is opened, for making calls overlap on purpose.
private final class Door: Sendable {
  private let isOpen = Atomic(false)
  func open() { isOpen.store(true, ordering: .releasing) }
  func pass() { while !isOpen.load(ordering: .acquiring) { usleep(200) } }
}

@Suite("A pool of blocking threads")
struct BlockingPoolTests {
  @Test("work runs on threads with the pool's name, cut to 15 bytes")
  func threadName() async throws {
    let pool = BlockingPool(name: "a-name-of-more-than-15-bytes", threads: 1)
    #expect(try await pool.run(currentThreadName) == "a-name-of-more-")
  }

  @Test("work's threads take no signals but faults")
  func signals() async throws {
    let pool = BlockingPool(name: "pool", threads: 1)
    let (pipe, fault) = try await pool.run {
      var mask = sigset_t()
      pthread_sigmask(SIG_SETMASK, nil, &mask)
      return (sigismember(&mask, SIGPIPE), sigismember(&mask, SIGSEGV))
    }
    #expect(pipe == 1)
    #expect(fault == 0)
  }

  @Test("a call's result and a call's error reach the caller")
  func results() async throws {
    let pool = BlockingPool(name: "pool", threads: 2)
    #expect(try await pool.run { 42 } == 42)
    await #expect(throws: Refusal(item: 7)) { try await pool.run { throw Refusal(item: 7) } }
  }

  @Test("what a finished call held may give the pool more to do as it goes", .timeLimit(.minutes(1)))
  func releases() async throws {
    final class Last: Sendable {
      let pool: BlockingPool
      let ended: Counter
      init(_ pool: BlockingPool, _ ended: Counter) { (self.pool, self.ended) = (pool, ended) }
      deinit { pool.submit { [ended] in ended.add() } }
    }
    let pool = BlockingPool(name: "pool", threads: 1)
    let ended = Counter()
    let door = Door()
    pool.submit { door.pass() }
    for _ in 0..<3 {
      let last = Last(pool, ended)
      pool.submit { withExtendedLifetime(last) {} }
    }
    door.open()
    while ended.now < 3 { try await pool.run {} }
    #expect(ended.now == 3)
  }

  @Test("as many calls run side by side as there are threads, and no more", arguments: [1, 2, 5])
  func bound(threads: Int) async throws {
    let pool = BlockingPool(name: "pool", threads: threads)
    let running = Counter()
    let door = Door()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<threads * 3 {
        group.addTask {
          try await pool.run {
            let now = running.add()
            // Only with all threads at work does the door open: fewer would hang here.
            if now == threads { door.open() }
            door.pass()
            running.add(-1)
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(running.most == threads)
  }

  @Test("a call that waits in the queue is cancelled at once; one that runs is waited for")
  func cancellation() async throws {
    let pool = BlockingPool(name: "pool", threads: 1)
    let (started, door) = (Door(), Door())
    let running = Task {
      try await pool.run {
        started.open()
        door.pass()
        return "finished"
      }
    }
    try await BlockingPool(name: "other", threads: 1).run { started.pass() }
    let waiting = Task { try await pool.run { "ran" } }
    waiting.cancel()
    // The only thread is still busy here.
    await #expect(throws: CancellationError.self) { try await waiting.value }
    running.cancel()
    door.open()
    #expect(try await running.value == "finished")
  }

  @Test("a cancelled task's call does not begin")
  func cancelledBefore() async {
    let pool = BlockingPool(name: "pool", threads: 1)
    let ran = Counter()
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      try await pool.run { _ = ran.add() }
    }
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(ran.now == 0)
  }

  @Test("a pool's threads serve the pools after it")
  func threadsReturn() async throws {
    @Sendable func threadNumber() -> String {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")) ?? ""
    }
    // A thread leaves its pool some time after the pool is gone, and other tests' pools take threads, too.
    let pools = 200
    var seen: Set<String> = []
    for _ in 0..<pools {
      let pool = BlockingPool(name: "next", threads: 1)
      let (number, name) = try await pool.run { (threadNumber(), currentThreadName()) }
      #expect(name == "next")
      seen.insert(number)
      try await Task.sleep(for: .milliseconds(1))
    }
    #expect(seen.count < pools)
  }
}

@Suite("Mapping over many items")
struct BlockingPoolMapTests {
  @Test("results keep the items' order, whatever their number", arguments: [0, 1, 2, 7, 100, 5000], [1, 2, 4])
  func order(count: Int, threads: Int) async throws {
    let pool = BlockingPool(name: "pool", threads: threads)
    let results = await pool.map(Array(0..<count)) { $0 * 2 }
    #expect(try results.map { try $0.get() } == (0..<count).map { $0 * 2 })
  }

  @Test("a failing item spoils no other")
  func failures() async {
    let pool = BlockingPool(name: "pool", threads: 3)
    let results = await pool.map(Array(0..<200)) { item in
      if item % 10 == 3 { throw Refusal(item: item) }
      return item
    }
    #expect(results.count == 200)
    for (item, result) in results.enumerated() {
      switch result {
      case .success(let value): #expect(value == item && item % 10 != 3)
      case .failure(let error): #expect(error as? Refusal == Refusal(item: item) && item % 10 == 3)
      }
    }
  }

  @Test("items not begun when the task is cancelled have a CancellationError")
  func cancellation() async {
    let pool = BlockingPool(name: "pool", threads: 2)
    let begun = Counter()
    let (first, door) = (Door(), Door())
    let task = Task {
      await pool.map(Array(0..<1000)) { item in
        begun.add()
        first.open()
        door.pass()
        return item
      }
    }
    try? await BlockingPool(name: "other", threads: 1).run { first.pass() }
    task.cancel()
    door.open()
    let results = await task.value
    let cancelled = results.count { if case .failure(let error) = $0 { error is CancellationError } else { false } }
    // Each thread was inside at most one item.
    #expect(begun.now <= 2)
    #expect(cancelled == 1000 - begun.now)
  }

  @Test("a single call gets through while many items are at work")
  func fairness() async throws {
    let pool = BlockingPool(name: "pool", threads: 1)
    let done = Counter()
    let doneBefore = Counter()
    let (first, door) = (Door(), Door())
    let task = Task {
      await pool.map(Array(0..<2000)) { _ in
        first.open()
        door.pass()
        done.add()
      }
    }
    try await BlockingPool(name: "other", threads: 1).run { first.pass() }
    // Put in the queue while the first item is at work.
    pool.submit { doneBefore.add(done.now) }
    door.open()
    _ = await task.value
    #expect((1...100).contains(doneBefore.now))
  }

  @Test("a call that is given up ends for its caller, and another thread does what comes next", .timeLimit(.minutes(1)))
  func givenUpCall() async throws {
    let pool = BlockingPool(name: "pool", threads: 1)
    let door = Door()
    let ended = Counter()
    for round in 1...3 {
      await #expect(throws: Refusal(item: round)) {
        try await pool.run { work in
          work.giveUp(Refusal(item: round))
          work.giveUp(Refusal(item: -1))
          door.pass()
          ended.add()
        }
      }
      #expect(try await pool.run { 42 } == 42)
    }
    #expect(ended.now == 0)
    door.open()
    while ended.now < 3 { try await Task.sleep(for: .milliseconds(1)) }
    // The threads that stood in are too many by now: one call runs at a time again.
    let calls = Counter()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<20 {
        group.addTask {
          try? await pool.run {
            calls.add()
            usleep(500)
            calls.add(-1)
          }
        }
      }
    }
    // A thread that was stuck may not have told yet that it is back when the first of them began.
    #expect(calls.most <= 4)
    let later = Counter()
    _ = await pool.map(Array(0..<40)) { _ in
      later.add()
      usleep(200)
      later.add(-1)
    }
    #expect(later.most == 1)
  }

  @Test("items that are given up fail, all others have their results", .timeLimit(.minutes(1)), arguments: [1, 3])
  func givenUpItems(threads: Int) async {
    let pool = BlockingPool(name: "pool", threads: threads)
    let door = Door()
    let results = await pool.map(Array(0..<400)) { item, work in
      if item % 150 == 7 {
        work.giveUp(Refusal(item: item))
        door.pass()
      }
      return item
    }
    door.open()
    #expect(results.count == 400)
    var failed = 0
    for (item, result) in results.enumerated() {
      switch result {
      case .success(let value): #expect(value == item && item % 150 != 7)
      case .failure(let error):
        failed += 1
        // One of the same share, no more than eight.
        let cause = (error as? Refusal)?.item ?? -1
        #expect(cause % 150 == 7 && cause <= item && item < cause + 8)
      }
    }
    #expect(failed >= 3)
  }
}
