// The owner of libyaml's event parser.

import CLibYAML

/// Reads events from bytes that outlive it.
struct EventParser: ~Copyable {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let event: UnsafeMutablePointer<yaml_event_t>
  private var holdsEvent = false

  /// Nil when libyaml gets no memory.
  init?(_ bytes: UnsafeBufferPointer<UInt8>) {
    parser = .allocate(capacity: 1)
    event = .allocate(capacity: 1)
    event.initialize(to: yaml_event_t())
    parser.initialize(to: yaml_parser_t())
    guard yaml_parser_initialize(parser) == 1 else {
      parser.deallocate()
      event.deallocate()
      return nil
    }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
  }

  deinit {
    if holdsEvent { yaml_event_delete(event) }
    yaml_parser_delete(parser)
    event.deallocate()
    parser.deallocate()
  }

  /// The next event, valid until the next call; nil on an error, which ``problem`` describes.
  mutating func next() -> UnsafePointer<yaml_event_t>? {
    if holdsEvent { yaml_event_delete(event) }
    holdsEvent = yaml_parser_parse(parser, event) == 1
    return holdsEvent ? UnsafePointer(event) : nil
  }

  /// What went wrong, right after ``next()`` gave nil.
  var problem: Problem {
    Problem(
      kind: parser.pointee.error,
      text: parser.pointee.problem.map { String(cString: $0) } ?? "",
      mark: parser.pointee.problem_mark,
      offset: Int(parser.pointee.problem_offset),
      context: parser.pointee.context.map { String(cString: $0) } ?? "",
      contextMark: parser.pointee.context_mark)
  }

  /// libyaml's own account of an error.
  struct Problem {
    var kind: yaml_error_type_t
    var text: String
    var mark: yaml_mark_t
    /// The byte of a read error.
    var offset: Int
    var context: String
    var contextMark: yaml_mark_t
  }
}

/// A copy of a text that libyaml owns; nil for a null pointer.
func copiedText(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
  pointer.map { String(cString: $0) }
}
