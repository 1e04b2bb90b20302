using System.Globalization;

namespace Sleb.Tests.Tokenization;

/// <summary>The texts and ids that llama.cpp records for a vocabulary, without special tokens.</summary>
internal static class Vectors
{
    public static (string Text, int[] Ids)[] Read(string name)
    {
        string[] texts = File.ReadAllText(TestFiles.Shared("data", "tokenizer-vectors", $"ggml-vocab-{name}.gguf.inp")).Split("\n__ggml_vocab_test__\n");
        string[] lines = File.ReadAllText(TestFiles.Shared("data", "tokenizer-vectors", $"ggml-vocab-{name}.gguf.out")).Split('\n');
        // Both files end in a separator.
        return [.. texts[..^1].Zip(lines, (text, line) =>
            (text, line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture)).ToArray()))];
    }
}
