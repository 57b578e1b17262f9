// The pool's face: awaiting a blocking call without blocking a cooperative thread.

/// A fixed number of threads of its own for calls that block: C libraries, file systems, sockets.
///
/// Threads start with the first work that needs them. When the pool is gone they wait, idle, for another pool. Work runs in
/// the order in which it came. The closures run outside any actor and task: task-local values are not seen there.
public final class BlockingPool: Sendable {
  let queue: WorkQueue

  /// - Parameters:
  ///   - name: the threads' name, of which Linux shows 15 bytes.
  ///   - threads: how many calls may block at a time, at least 1.
  public init(name: String, threads: Int) {
    queue = WorkQueue(name: name, limit: threads)
  }

  deinit { queue.close() }

  /// How many calls run at a time at most.
  public var threads: Int { queue.limit }

  /// Runs `body` on one of the pool's threads and returns what it returns.
  ///
  /// - Throws: what `body` throws; `CancellationError` if the task was cancelled before `body` began (a call that runs
  ///   is waited for, whatever happens to the task); ``ThreadStartError`` if the pool has no thread and cannot get one.
  public func run<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await run { _ in try body() }
  }

  /// Like ``run(_:)``, for work that may never end.
  package func run<R: Sendable>(_ body: @escaping @Sendable (AwaitedWork) throws -> R) async throws -> R {
    let call = PendingCall<R>()
    let queue = queue
    let work = AwaitedWork { error in
      if call.giveUp(error) { queue.threadIsStuck() }
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        guard call.begin(continuation) else { return }
        do {
          try queue.add {
            if !call.perform({ try body(work) }) { queue.threadIsBack() }
          }
        } catch {
          call.fail(error)
        }
      }
    } onCancel: {
      call.cancel()
    }
  }

  /// Runs `body` for each item on the pool's threads, as many at a time as the pool has, and returns the results in the
  /// items' order.
  ///
  /// One failing item spoils no other. Once the task is cancelled no further item is begun; those not begun have
  /// `CancellationError` as their result. Threads take a few items at a time and then let other work through.
  public func map<T: Sendable, R: Sendable>(
    _ items: [T], _ body: @escaping @Sendable (T) throws -> R
  ) async -> [Result<R, any Error>] {
    await map(items) { item, _ in try body(item) }
  }

  /// Like ``map(_:_:)``, for work that may never end: of the items that a thread takes at a time, those behind one that is
  /// given up fail with it.
  package func map<T: Sendable, R: Sendable>(
    _ items: [T], _ body: @escaping @Sendable (T, AwaitedWork) throws -> R
  ) async -> [Result<R, any Error>] {
    guard !items.isEmpty else { return [] }
    let work = MapWork(items: items, threads: threads, body: body)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { work.start(on: queue, resuming: $0) }
    } onCancel: {
      work.cancel()
    }
  }

  /// Runs `body` some time later; nobody waits for it. For closing what a `deinit` must not block on.
  ///
  /// Dropped if the pool has no thread and cannot get one.
  package func submit(_ body: @escaping @Sendable () -> Void) {
    try? queue.add(body)
  }
}
