using Sleb.Core.Checkpoints;
using Sleb.Core.Tokenization;

namespace Sleb.Onnx.GenAI;

/// <summary>The files of a model folder that are the same for every artefact made from it.</summary>
internal static class TokenizerFiles
{
    private static readonly string[] Names =
    [
        "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "merges.txt", "added_tokens.json",
        "special_tokens_map.json", "chat_template.jinja", "chat_template.json", "generation_config.json",
    ];

    /// <summary>Copies those that are there; a model without a tokenizer is used by ids.</summary>
    public static void Copy(string source, string destination)
    {
        foreach (string name in Names)
        {
            string file = Path.Combine(source, name);
            if (!File.Exists(file)) continue;
            // A copy of bytes: File.Copy would carry over a read-only attribute, and the folder could not be replaced later.
            using var from = File.OpenRead(file);
            using var to = new FileStream(Path.Combine(destination, name), FileMode.CreateNew);
            from.CopyTo(to);
        }
        // GenAI reads no other form.
        if (Converted(source) is { } json) File.WriteAllBytes(Path.Combine(destination, "tokenizer.json"), json);
    }

    private static byte[]? Converted(string source)
    {
        try
        {
            return TokenizerSource.Convert(source);
        }
        catch (CheckpointException)
        {
            // What has no exact form is not written at all: the model works by ids, and the check of the finished folder says why.
            return null;
        }
    }
}
