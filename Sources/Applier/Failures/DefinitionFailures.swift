// Why libvirt does not take a definition.

import Libvirt

/// What libvirt has against a definition.
///
/// - Parameter editor: what a person can look at the definition with.
func definitionFailure(
  _ error: LibvirtError, editor: String = "the same part of the domain with `virsh edit`"
) -> ActionFailure {
  let text = plainMessage(error)
  switch error.code {
  case .xmlInvalidSchema:
    // "XML document failed to validate against schema: Unable to validate doc against /…/domain.rng; Extra element …"
    let line = Substring(text)
    let reason = Phrase.schemaFile.range(in: line).map { String(line[$0.upperBound...]) } ?? text
    return ActionFailure(
      "libvirt's schema does not allow the definition: \(reason)",
      remedy: "`vireo validate --libvirt-schema` names the field; change it, or \(editor)")
  case .operationFailed, .domainExists:
    return ActionFailure("cannot \(error.operation): \(text)", remedy: planAgain)
  case .configurationUnsupported:
    return ActionFailure(
      "the hypervisor does not support the definition: \(text)",
      remedy: "change the spec to something that this host supports")
  default:
    var failure = ActionFailure(error)
    guard !error.isConnectionLost else { return failure }
    failure.remedy =
      failure.remedy ?? FailureCause(text)?.remedy ?? "change what the message names in the spec, or \(editor)"
    return failure
  }
}
