using System.Text.Encodings.Web;
using System.Text.Json;

namespace Sleb.Cli.Json;

/// <summary>Writes the one document of <c>--json</c>.</summary>
internal static class JsonOutput
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new FiniteConverter() },
    };

    public static void Write<T>(TextWriter writer, T document)
    {
        writer.Write(JsonSerializer.Serialize(document, Options) + "\n");
        writer.Flush();
    }
}
