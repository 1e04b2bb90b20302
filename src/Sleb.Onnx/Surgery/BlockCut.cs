using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Surgery;

/// <summary>The hidden state between two blocks: one value, or two that the next norm adds.</summary>
/// <param name="Norm">The norm that adds the two; null where there is one value.</param>
internal sealed record BlockCut(IReadOnlyList<string> Values, NodeProto? Norm);
