using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace Sleb.Core.Checkpoints;

/// <summary>Reads a JSON object from a model folder; whatever could throw later, at the first look at a value, is refused here.</summary>
internal static class JsonFile
{
    /// <summary>The index of the largest published models is about a tenth of this.</summary>
    private const long MaxBytes = 64 << 20;

    /// <exception cref="CheckpointException">The file is no UTF-8 JSON object with distinct keys.</exception>
    public static JsonObject Read(string path)
    {
        byte[] bytes = ReadBytes(path);
        if (!Utf8.IsValid(bytes)) throw new CheckpointException($"{path} is not UTF-8 text; download it again.");
        try
        {
            // Python's json keeps the last of two equal keys, others keep the first: a file that has both means nothing.
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new CheckpointException($"{path} is not a JSON object.");
            CheckText(document.RootElement);
            return JsonObject.Create(document.RootElement.Clone())!;
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{path} is not valid JSON ({Excerpt.Of(e.Message)}).", e);
        }
        catch (InvalidOperationException e)
        {
            throw new CheckpointException($"{path} holds unreadable text ({Excerpt.Of(e.Message)}).", e);
        }
    }

    private static byte[] ReadBytes(string path)
    {
        using var stream = File.OpenRead(path);
        if (stream.Length > MaxBytes)
            throw new CheckpointException($"{path} is {stream.Length} bytes long, more than the {MaxBytes} such a file may have; it is not what its name says.");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>JSON may escape half a surrogate pair, which only fails when the text is asked for.</summary>
    private static void CheckText(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.String) element.GetString();
        else if (element.ValueKind == JsonValueKind.Array)
            foreach (var item in element.EnumerateArray()) CheckText(item);
        else if (element.ValueKind == JsonValueKind.Object)
            foreach (var property in element.EnumerateObject())
            {
                _ = property.Name;
                CheckText(property.Value);
            }
    }
}
