using Sleb.Core.Families;

namespace Sleb.Onnx.GenAI;

/// <summary>What genai_config.json is written from.</summary>
/// <param name="Config">The dense model's config.json.</param>
/// <param name="Blocks">Blocks in the graph.</param>
/// <param name="ContextLength">Rows of the rotary caches: the longest sequence the graph can run.</param>
internal sealed record GenAIModelDescription(
    ModelConfig Config, int Blocks, int ContextLength, string Target, string GraphFile, bool ReadsPositions);
