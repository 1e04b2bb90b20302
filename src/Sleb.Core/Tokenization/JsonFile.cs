using System.Text.Json;
using Sleb.Core.Checkpoints;

namespace Sleb.Core.Tokenization;

/// <summary>Reads the JSON files of a tokenizer; a fault in one names it.</summary>
internal static class JsonFile
{
    public static T Read<T>(string path, Func<JsonPart, T> read) => Parse(File.ReadAllBytes(path), path, read);

    /// <param name="json">The document.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="read">Takes from the document all that is needed: it is gone afterwards.</param>
    public static T Parse<T>(byte[] json, string name, Func<JsonPart, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return read(new JsonPart(document.RootElement, name, ""));
        }
        // A string with a lone surrogate is an InvalidOperationException when it is read.
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{name} is not valid JSON ({exception.Message.TrimEnd('.')}). Fetch the file again from where the model came from.", exception);
        }
    }
}
