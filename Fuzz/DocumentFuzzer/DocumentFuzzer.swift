// Hostile texts for every way in that is not an image: specs, libvirt's documents, and the record that Vireo keeps in a domain's metadata. Nothing may trap, hang or grow, and what is read is what was written.

@testable import Diagnostics
import Glibc
@testable import Inventory
@testable import Planner
@testable import Spec
@testable import Vocabulary
@testable import XMLTree
@testable import YAMLTree

/// libFuzzer's driver, from clang's runtime (compiler-rt, `FuzzerInterface.h`).
@_extern(c, "LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
  _ body: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// What the package manager links as the program's start.
@_cdecl("DocumentFuzzer_main")
public func start(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  var count = count
  var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = arguments
  return runDriver(&count, &arguments) { start, count in
    let bytes = [UInt8](UnsafeBufferPointer(start: start, count: count))
    // A document says by its first character what it is, so that the corpus holds documents as they are.
    if bytes.first == UInt8(ascii: "<") { readDocument(bytes) } else { readSpec(bytes) }
    return 0
  }
}

/// A spec: decoded, checked, and its messages shown in every form.
private func readSpec(_ bytes: [UInt8]) {
  let file: SourceFile
  do throws(Diagnostic) {
    file = try SourceFile(path: "/specs/fuzz.yaml", bytes: bytes)
  } catch {
    show([error])
    return
  }
  let parsed = parseYAML(file)
  show(parsed.diagnostics)
  show(SpecLoader().load([file]).diagnostics)
}

private func show(_ diagnostics: [Diagnostic]) {
  guard !diagnostics.isEmpty else { return }
  _ = DiagnosticFormat.render(diagnostics, as: .text(color: true, width: 80))
  _ = DiagnosticFormat.render(diagnostics, as: .json)
  _ = DiagnosticFormat.render(diagnostics, as: .github)
}

/// A document of libvirt's: every field is read from it, the record in its metadata is, and writing it loses nothing.
private func readDocument(_ bytes: [UInt8]) {
  guard let element = try? XMLElement.parse(bytes: bytes) else { return }
  let again = try? XMLElement.parse(element.serialised(indent: nil))
  expect(again == element, "what was written reads as something else")
  let type: ObjectType =
    switch element.name {
    case "network": Vocabulary.network
    case "pool": Vocabulary.pool
    default: Vocabulary.domain
    }
  read(type, element)
  let devices = element.first("devices").map { Array($0.elements) } ?? []
  for collection in type.collections {
    for device in devices.prefix(8) { read(collection.type, device) }
  }
  _ = Vocabulary.wholeMemory(of: element)
  _ = Vocabulary.deviceMemory(of: element)
  _ = Hotplug.freeSerialPorts(of: element)
  _ = try? RemovedDomain(element)
  guard let record = OwnershipRecord(in: element) else { return }
  // The record is written as it was read.
  var copy = element
  record.put(into: &copy)
  expect(OwnershipRecord(in: copy)?.stack == record.stack, "a record that was written reads as another")
}

/// Reads every field, and puts what was got back.
private func read(_ type: ObjectType, _ element: XMLElement) {
  for field in type.fields {
    guard let lens = field.lens, let value = lens.get(element) else { continue }
    var copy = element
    lens.put(value, into: &copy)
    _ = lens.get(copy)
  }
}

/// As a precondition, but one that says in a release build what was expected.
private func expect(_ condition: Bool, _ what: @autoclosure () -> String) {
  if condition { return }
  perror(what())
  abort()
}
