// A domain that does not start with its new definition, or does not become ready, gets back what it had before.

import Libvirt

/// Gives domains back what they had before this run.
struct DefinitionReturn {
  let context: ApplyContext
  let replaced: ReplacedDefinitions
  private var connection: LibvirtConnection { context.connection }

  /// Keeps the UEFI variables that a guest has before it starts with a definition of this run.
  func keepVariables(of domain: LibvirtDomain) async {
    guard let path = await replaced.variablesToKeep(of: domain, connection),
      let kept = try? await context.files.run({ try UEFIVariables(at: path) })
    else { return }
    await replaced.keep(kept, of: domain.uuid)
  }

  /// Puts the old definition of a domain back that does not start with its new one, and starts it with that where this
  /// run had stopped it.
  ///
  /// - Returns: `failure` with what was done.
  func putBack(_ domain: LibvirtDomain, because failure: ActionFailure) async -> ActionFailure {
    let (definition, wasStopped, variables) = await replaced.take(domain.uuid)
    guard let definition, !failure.isConnectionLost else { return failure }
    var failure = failure
    do {
      try await connection.requireUnmoved(domain, definition.new)
      try await connection.defineDomain(definition.old.serialised(), named: domain.name)
      failure.message += "; its old definition was put back"
    } catch {
      failure.message += "; its old definition could not be put back: \(ActionFailure(error).message)"
      return failure
    }
    do {
      if try await context.files.run({ try variables?.putBack() ?? false }) {
        failure.message += wasStopped ? ", its UEFI variables too" : " with its UEFI variables"
      }
    } catch {
      failure.message += "; its UEFI variables could not be put back: \(ActionFailure(error).message)"
    }
    guard wasStopped else { return failure }
    do {
      try await connection.startGuest(of: domain)
      failure.message += " and the guest was started with it"
    } catch {
      failure.message += ", but the guest does not start with it either"
    }
    return failure
  }
}
