using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Microsoft.ML.OnnxRuntimeGenAI;

namespace Sleb.Serving;

/// <summary>A model folder as an <see cref="IChatClient"/>: the model is loaded once, and every request gets a generator of its own.</summary>
/// <remarks>GenAI 0.18 has one too, but it writes the last word twice where the model ends by itself.</remarks>
internal sealed class FolderChatClient : IChatClient
{
    private readonly Model _model;
    private readonly Tokenizer _tokenizer;
    private readonly int[] _ends;
    private readonly int _context;
    private readonly bool _takesTurns;

    public FolderChatClient(string folder)
    {
        var settings = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "genai_config.json")))!["model"]!;
        _context = settings["context_length"]!.GetValue<int>();
        _ends = settings["eos_token_id"] switch { JsonArray several => [.. several.Select(id => id!.GetValue<int>())], JsonNode one => [one.GetValue<int>()], null => [] };
        string tokenizer = Path.Combine(folder, "tokenizer_config.json");
        _takesTurns = File.Exists(Path.Combine(folder, "chat_template.jinja")) || File.Exists(tokenizer) && JsonNode.Parse(File.ReadAllText(tokenizer))!["chat_template"] is not null;
        _model = ModelFolder.Open(folder, settings);
        _tokenizer = new Tokenizer(_model);
    }

    /// <inheritdoc cref="GetStreamingResponseAsync"/>
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        await GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    /// <exception cref="ArgumentException">Nothing can be written behind the conversation: thrown at once, before an answer begins.</exception>
    public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        using var ids = _tokenizer.Encode(Prompt([.. messages]));
        int[] prompt = ids[0].ToArray();
        if (prompt.Length == 0) throw new ArgumentException("The conversation has no tokens, so there is nothing to go on from.");
        if (prompt.Length >= _context)
            throw new ArgumentException($"The conversation has {prompt.Length} tokens and the model's context holds {_context}, the answer included; shorten it.");
        return Write(prompt, Math.Min(options?.MaxOutputTokens ?? 64, _context - prompt.Length), cancellationToken);
    }

    public object? GetService(Type serviceType, object? serviceKey = null) => serviceKey is null && serviceType.IsInstanceOfType(this) ? this : null;

    public void Dispose()
    {
        _tokenizer.Dispose();
        _model.Dispose();
    }

    private async IAsyncEnumerable<ChatResponseUpdate> Write(int[] prompt, int maxTokens, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // this computes: not on the caller's thread
        using var parameters = new GeneratorParams(_model);
        parameters.SetSearchOption("max_length", prompt.Length + maxTokens);
        using var generator = new Generator(_model, parameters);
        using var text = _tokenizer.CreateStream();
        generator.AppendTokens(prompt);
        while (!generator.IsDone())
        {
            cancellationToken.ThrowIfCancellationRequested();
            generator.GenerateNextToken();
            int next = generator.GetNextTokens()[0];
            if (_ends.Contains(next)) yield break;
            yield return new ChatResponseUpdate(ChatRole.Assistant, text.Decode(next));
        }
    }

    /// <summary>A base model knows no turns: it goes on from the text that it is given.</summary>
    private string Prompt(ChatMessage[] messages) => !_takesTurns ? string.Concat(messages.Select(message => message.Text))
        : _tokenizer.ApplyChatTemplate(null, JsonSerializer.Serialize(messages.Select(message => new { role = message.Role.Value, content = message.Text })), null, true);
}
